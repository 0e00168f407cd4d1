// SPDX-License-Identifier: Apache-2.0

// wires send URL WORKLOAD JOURNAL CONCURRENCY | serve PORT WORKLOAD JOURNAL [TLS]
//
// The two ends of a wire in HTTP/2 by Go's net/http: inside TLS by ALPN, else by prior knowledge (h2c). The server also
// goes over to HTTP/2 by Upgrade. answered.js says what a workload is; TLS is a folder with server.pem and server.key. The
// environment has the certificate to trust (CA) and the bearer token (TOKEN), which Go's encoder indexes.
package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/h2c"
)

const ilp = "application/octet-stream"

type exchange struct {
	fields          string // destination and amount
	prepare, answer []byte
	outcome         string
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func workload(path string) []exchange {
	file, err := os.Open(path)
	check(err)
	defer file.Close()
	var all []exchange
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		prepare, err := base64.StdEncoding.DecodeString(f[2])
		check(err)
		answer, err := base64.StdEncoding.DecodeString(f[3])
		check(err)
		all = append(all, exchange{f[0] + " " + f[1], prepare, answer, f[4]})
	}
	check(lines.Err())
	return all
}

type journal struct {
	sync.Mutex
	file *os.File
}

func newJournal(path string) *journal {
	file, err := os.Create(path)
	check(err)
	return &journal{file: file}
}

func (j *journal) note(way string, e exchange, outcome string) {
	j.Lock()
	defer j.Unlock()
	_, err := fmt.Fprintf(j.file, "%s %s %s\n", way, e.fields, outcome)
	check(err)
}

func client() *http.Client {
	transport := &http.Transport{Protocols: new(http.Protocols), TLSClientConfig: &tls.Config{}}
	transport.Protocols.SetHTTP2(true)
	transport.Protocols.SetUnencryptedHTTP2(true)
	if path := os.Getenv("CA"); path != "" {
		pem, err := os.ReadFile(path)
		check(err)
		transport.TLSClientConfig.RootCAs = x509.NewCertPool()
		transport.TLSClientConfig.RootCAs.AppendCertsFromPEM(pem)
	}
	return &http.Client{Transport: transport}
}

func post(c *http.Client, url, token string, e exchange) string {
	request, err := http.NewRequest("POST", url+"/ilp", bytes.NewReader(e.prepare))
	check(err)
	request.Header.Set("Content-Type", ilp)
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := c.Do(request)
	if err != nil {
		log.Print(err)
		return "http_error"
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	switch {
	case err != nil || response.StatusCode != 200 || response.ProtoMajor != 2:
		log.Print(response.Proto, response.Status, err)
		return "http_error"
	case !bytes.Equal(body, e.answer):
		return "not_ilp"
	}
	return e.outcome
}

func send(url, path, journalPath string, concurrency int) {
	token := os.Getenv("TOKEN")
	if token == "" {
		token = "secret-of-alice"
	}
	j, c, work := newJournal(journalPath), client(), make(chan exchange)
	var workers sync.WaitGroup
	for range concurrency {
		workers.Go(func() {
			for e := range work {
				j.note("sent", e, post(c, url, token, e))
			}
		})
	}
	for _, e := range workload(path) {
		work <- e
	}
	close(work)
	workers.Wait()
}

func serve(port, path, journalPath, folder string) {
	j, known := newJournal(journalPath), map[string]exchange{}
	for _, e := range workload(path) {
		known[string(e.prepare)] = e
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		e, found := known[string(body)]
		if err != nil || !found {
			log.Print("not of the workload: ", len(body), err)
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		j.note("received", e, e.outcome)
		w.Header().Set("Content-Type", ilp)
		if _, err := w.Write(e.answer); err != nil {
			log.Print(err)
		}
	})
	server := &http.Server{Addr: "127.0.0.1:" + port, Handler: handler}
	if folder != "" {
		check(server.ListenAndServeTLS(folder+"/server.pem", folder+"/server.key"))
	}
	server.Handler = h2c.NewHandler(handler, &http2.Server{MaxConcurrentStreams: 1000})
	check(server.ListenAndServe())
}

func main() {
	args := append(os.Args[1:], "")
	switch args[0] {
	case "send":
		concurrency, err := strconv.Atoi(args[4])
		check(err)
		send(args[1], args[2], args[3], concurrency)
	case "serve":
		serve(args[1], args[2], args[3], args[4])
	default:
		log.Fatal("what is '", args[0], "'?")
	}
}
