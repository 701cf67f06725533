"""One budget for three questions: a new record, a second opinion on a labelled one, a second look at a doubted label.

`belief` says what is believed of each labelled record and how good each annotator is, `gains` what one more answer is
expected to tell, `ranking` which questions a budget is spent on. All of it are pure functions of arrays with their ids.
"""
