// QuirePacks
