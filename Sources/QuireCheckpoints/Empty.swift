// QuireCheckpoints
