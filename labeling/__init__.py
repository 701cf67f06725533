"""Takes records to people and their answers back: Label Studio, agreement, label errors, simulated annotators.

`labeling.studio` starts the embedded Label Studio of a project, `labeling.studio_project.open_project` finds or makes
the place where people answer, `labeling.push.push` sends chosen records there and `labeling.pull.pull` brings answers
back.
"""
