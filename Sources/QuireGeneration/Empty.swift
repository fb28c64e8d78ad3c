// QuireGeneration
