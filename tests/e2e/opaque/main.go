// SPDX-License-Identifier: Apache-2.0

// Command opaque POSTs ILP packets over Go's own TLS, without OpenSSL. It is an example of programs
// whose TLS telltale cannot read.
//
//	opaque -url URL -ca FILE -token TOKEN -body FILE -count N
package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
)

func main() {
	url := flag.String("url", "", "where to POST")
	ca := flag.String("ca", "", "certificate authority, PEM")
	token := flag.String("token", "", "bearer token")
	body := flag.String("body", "", "file with the packet")
	count := flag.Int("count", 1, "how often to send it")
	flag.Parse()

	packet, err := os.ReadFile(*body)
	if err != nil {
		log.Fatal(err)
	}
	pem, err := os.ReadFile(*ca)
	if err != nil {
		log.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		log.Fatalf("%s: no certificate in it", *ca)
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
	for i := 0; i < *count; i++ {
		if err := post(client, *url, *token, packet); err != nil {
			log.Fatal(err)
		}
	}
}

func post(client *http.Client, url, token string, packet []byte) error {
	request, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(packet))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/octet-stream")
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	reply, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	fmt.Printf("%d %d\n", response.StatusCode, reply[0])
	return nil
}
