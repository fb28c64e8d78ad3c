// QuireOptimization
