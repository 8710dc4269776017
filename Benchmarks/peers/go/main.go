// Go's side of the benchmarks: goroutines that yield (mixed: every other one from another place in the
// code), and an echo server on package net. GOMAXPROCS is 1 for
// both.
package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strconv"
	"sync"
	"time"
)

func reportNanoseconds(start time.Time, count int) {
	fmt.Printf("{\"ns\":%.4f}\n", float64(time.Since(start).Nanoseconds())/float64(count))
}

func yield(goroutines, yields int, mixed bool) {
	each := yields / goroutines
	var running sync.WaitGroup
	running.Add(goroutines)
	for i := 0; i < goroutines; i++ {
		if !mixed || i%2 == 0 {
			go func() {
				for i := 0; i < each; i++ {
					runtime.Gosched()
				}
				running.Done()
			}()
		} else {
			go func() {
				for left := each; left > 0; left-- {
					runtime.Gosched()
				}
				running.Done()
			}()
		}
	}
	start := time.Now()
	running.Wait()
	reportNanoseconds(start, each*goroutines)
}

func serve(connection net.Conn) {
	defer connection.Close()
	buffer := make([]byte, 4096)
	for {
		count, err := connection.Read(buffer)
		if err != nil {
			return
		}
		if _, err = connection.Write(buffer[:count]); err != nil {
			return
		}
	}
}

// Serves until standard input ends.
func echoServer() {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		fail(err.Error())
	}
	fmt.Printf("{\"port\":%d}\n", listener.Addr().(*net.TCPAddr).Port)
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go serve(connection)
		}
	}()
	io.Copy(io.Discard, os.Stdin)
}

func fail(what string) {
	fmt.Fprintln(os.Stderr, what)
	os.Exit(1)
}

func number(index int) int {
	value, err := strconv.Atoi(os.Args[index])
	if err != nil || value < 1 {
		fail("not a number: " + os.Args[index])
	}
	return value
}

func main() {
	runtime.GOMAXPROCS(1)
	switch {
	case len(os.Args) == 4 && os.Args[1] == "yield":
		yield(number(2), number(3), false)
	case len(os.Args) == 4 && os.Args[1] == "yield-mixed":
		yield(number(2), number(3), true)
	case len(os.Args) == 2 && os.Args[1] == "echo-server":
		echoServer()
	default:
		fail("usage: peers yield|yield-mixed GOROUTINES YIELDS | echo-server")
	}
}
