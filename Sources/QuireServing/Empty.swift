// QuireServing
