// QuireModel
