// QuireScheduling
