// SPDX-License-Identifier: Apache-2.0

// nodes simulates many nodes of telltale for a service. Each has its own connection, counters and
// phase. It exports what telltale exports to a network endpoint, once an interval, and does not
// retry before the next interval. The program prints the results of the exports as JSON.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"math/rand"
	"os"
	"sort"
	"sync"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"
)

var bounds = []float64{0, 5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10000}

type node struct {
	name     string
	start    time.Time
	payments int64
	buckets  []uint64
	random   *rand.Rand
	client   pmetricotlp.GRPCClient
}

type outcome struct {
	took time.Duration
	code string
}

func sum(m pmetric.Metric, n *node, now time.Time, name string, value int64) {
	m.SetName(name)
	s := m.SetEmptySum()
	s.SetIsMonotonic(true)
	s.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	p := s.DataPoints().AppendEmpty()
	p.SetStartTimestamp(pcommon.NewTimestampFromTime(n.start))
	p.SetTimestamp(pcommon.NewTimestampFromTime(now))
	p.SetIntValue(value)
	p.Attributes().PutStr("source", n.name)
}

func histogram(m pmetric.Metric, n *node, now time.Time, name string) {
	m.SetName(name)
	h := m.SetEmptyHistogram()
	h.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	p := h.DataPoints().AppendEmpty()
	p.SetStartTimestamp(pcommon.NewTimestampFromTime(n.start))
	p.SetTimestamp(pcommon.NewTimestampFromTime(now))
	p.SetCount(uint64(n.payments))
	p.SetSum(float64(n.payments) * 80)
	p.ExplicitBounds().FromRaw(bounds)
	p.BucketCounts().FromRaw(n.buckets)
	p.Attributes().PutStr("source", n.name)
}

// The metrics that telltale sends to a network endpoint; the list is in user/release/metrics.h.
func (n *node) snapshot(now time.Time) pmetricotlp.ExportRequest {
	new := int64(n.random.Intn(4))
	n.payments += new
	n.buckets[4+n.random.Intn(4)] += uint64(new)
	md := pmetric.NewMetrics()
	rm := md.ResourceMetrics().AppendEmpty()
	for k, v := range map[string]string{
		"service.name": "telltale", "service.instance.id": n.name, "telltale.network": "testnet",
		"telltale.privacy.mechanism": "bucket-laplace",
	} {
		rm.Resource().Attributes().PutStr(k, v)
	}
	sm := rm.ScopeMetrics().AppendEmpty()
	sm.Scope().SetName("telltale")
	sm.Scope().SetVersion("0.1.0")
	ms := sm.Metrics()
	sum(ms.AppendEmpty(), n, now, "transactions_total", n.payments)
	sum(ms.AppendEmpty(), n, now, "packet_count_prepare", n.payments*3)
	sum(ms.AppendEmpty(), n, now, "packet_count_fulfill", n.payments*2)
	sum(ms.AppendEmpty(), n, now, "packet_count_reject", n.payments)
	sum(ms.AppendEmpty(), n, now, "packet_amount_fulfill", n.payments*123457)
	histogram(ms.AppendEmpty(), n, now, "pay_time_ms")
	histogram(ms.AppendEmpty(), n, now, "ilp_payment_round_trip_ms")
	g := ms.AppendEmpty()
	g.SetName("telltale_coverage_complete")
	p := g.SetEmptyGauge().DataPoints().AppendEmpty()
	p.SetTimestamp(pcommon.NewTimestampFromTime(now))
	p.SetIntValue(1)
	p.Attributes().PutStr("source", n.name)
	return pmetricotlp.NewExportRequestFromMetrics(md)
}

func (n *node) run(ctx context.Context, interval time.Duration, done chan<- outcome) {
	wait := time.Duration(n.random.Int63n(int64(interval)))
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		begun := time.Now()
		call, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		_, err := n.client.Export(call, n.snapshot(begun))
		cancel()
		done <- outcome{time.Since(begun), status.Code(err).String()}
		wait = max(0, interval-time.Since(begun))
	}
}

func main() {
	endpoint := flag.String("endpoint", "", "HOST:PORT of the balancer")
	ca := flag.String("ca", "", "certificate authority")
	count := flag.Int("nodes", 1000, "how many nodes")
	interval := flag.Duration("interval", 15*time.Second, "between a node's exports")
	duration := flag.Duration("duration", time.Minute, "how long")
	seed := flag.Int64("seed", 1, "of counts and phases")
	flag.Parse()

	pem, err := os.ReadFile(*ca)
	if err != nil {
		log.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	creds := credentials.NewTLS(&tls.Config{RootCAs: pool})
	ctx, cancel := context.WithTimeout(context.Background(), *duration)
	defer cancel()
	done := make(chan outcome, 1024)
	var all sync.WaitGroup
	for i := range *count {
		conn, err := grpc.NewClient(*endpoint, grpc.WithTransportCredentials(creds),
			grpc.WithUserAgent("OTel-OTLP-Exporter-load/0.1.0"))
		if err != nil {
			log.Fatal(err)
		}
		n := &node{name: fmt.Sprintf("node-%04d", i), start: time.Now(), buckets: make([]uint64, len(bounds)+1),
			random: rand.New(rand.NewSource(*seed + int64(i))), client: pmetricotlp.NewGRPCClient(conn)}
		all.Go(func() { n.run(ctx, *interval, done) })
	}
	go func() { all.Wait(); close(done) }()

	codes := map[string]int{}
	var took []time.Duration
	for o := range done {
		codes[o.code]++
		took = append(took, o.took)
	}
	sort.Slice(took, func(i, j int) bool { return took[i] < took[j] })
	at := func(q float64) float64 {
		if len(took) == 0 {
			return 0
		}
		return took[int(q*float64(len(took)-1))].Seconds() * 1000
	}
	json.NewEncoder(os.Stdout).Encode(map[string]any{
		"nodes": *count, "exports": codes, "per_second": float64(len(took)) / duration.Seconds(),
		"ms": map[string]float64{"p50": at(0.5), "p95": at(0.95), "p99": at(0.99), "max": at(1)},
	})
}
