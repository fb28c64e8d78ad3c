// QuireTensors
