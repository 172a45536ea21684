// A server whose requests cost CPU: each hashes some text, and tells the hash.
package main

import (
	"crypto/sha256"
	"fmt"
	"log"
	"net/http"
	"runtime"
)

var text = make([]byte, 256<<10)

func hash(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"sha256":"%x"}`, sha256.Sum256(text))
}

// For `workers.count` in compose.yaml: the one who knows is asked.
func workers(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"gomaxprocs":%d}`, runtime.GOMAXPROCS(0))
}

func main() {
	http.HandleFunc("/hash", hash)
	http.HandleFunc("/workers", workers)
	log.Fatal(http.ListenAndServe(":8000", nil))
}
