-- What models that were not fitted on a labelled record said of it, when the model was judged: the audit reads these.
CREATE TABLE out_of_fold (
    model_id VARCHAR NOT NULL,
    record_id VARCHAR NOT NULL,
    probabilities FLOAT[] NOT NULL,
    PRIMARY KEY (model_id, record_id)
);
