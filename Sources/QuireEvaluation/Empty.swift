// QuireEvaluation
