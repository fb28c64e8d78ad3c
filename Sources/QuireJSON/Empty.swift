// QuireJSON
