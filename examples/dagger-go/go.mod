module dagger/go-consumer

go 1.25.0
