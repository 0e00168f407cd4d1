// SPDX-License-Identifier: Apache-2.0

// s3server is versitygw, a strict S3-compatible server, reduced to what the tests of `telltale
// rates publish` need: objects in a folder, one account, signatures and body hashes checked. Built
// from its packages it takes less time than the whole program.
//
//	S3_KEY=... S3_SECRET=... s3server ADDRESS:PORT FOLDER [REGION [CERTIFICATE KEY]]
//
// FOLDER gets objects/, metadata/ and versions/.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/versity/versitygw/backend/meta"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/embedgw"
)

func run(args []string) error {
	config := embedgw.Config{
		RootUserAccess: os.Getenv("S3_KEY"),
		RootUserSecret: os.Getenv("S3_SECRET"),
		Region:         "us-east-1",
		Ports:          []string{args[0]},
		// The package has no defaults for these.
		MaxConnections:    64,
		MaxRequests:       64,
		MultipartMaxParts: 10000,
		Quiet:             true,
	}
	if len(args) > 2 {
		config.Region = args[2]
	}
	if len(args) > 4 {
		config.CertFile, config.KeyFile = args[3], args[4]
	}

	// The server changes its working directory to that of the objects.
	root, err := filepath.Abs(args[1])
	if err != nil {
		return err
	}
	folders := map[string]string{}
	for _, name := range []string{"objects", "metadata", "versions"} {
		folders[name] = filepath.Join(root, name)
		if err := os.MkdirAll(folders[name], 0o755); err != nil {
			return err
		}
	}
	// Metadata are in files beside the objects, since not every test machine's file system
	// keeps extended attributes.
	metadata, err := meta.NewSideCar(folders["metadata"])
	if err != nil {
		return err
	}
	store, err := posix.New(folders["objects"], metadata, posix.PosixOpts{
		SideCarDir:    folders["metadata"],
		VersioningDir: folders["versions"],
	})
	if err != nil {
		return err
	}

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	return embedgw.RunVersityGW(ctx, store, &config)
}

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: s3server ADDRESS:PORT FOLDER [REGION [CERTIFICATE KEY]]")
		os.Exit(2)
	}
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "s3server:", err)
		os.Exit(1)
	}
}
