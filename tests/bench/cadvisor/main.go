// A stand-in for cAdvisor's own cmd/cadvisor.go, around the library github.com/google/cadvisor v0.49.1:
// the same manager, the same default metrics, the same flags of the library, /metrics; no web UI, no storage drivers, Docker alone.
package main

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/google/cadvisor/cache/memory"
	"github.com/google/cadvisor/container"
	_ "github.com/google/cadvisor/container/docker/install"
	v2 "github.com/google/cadvisor/info/v2"
	"github.com/google/cadvisor/manager"
	"github.com/google/cadvisor/metrics"
	"github.com/google/cadvisor/storage"
	"github.com/google/cadvisor/utils/sysfs"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"
)

func main() {
	ip := flag.String("listen_ip", "127.0.0.1", "address to listen on")
	port := flag.Int("port", 8080, "port to listen on")
	keep := flag.Duration("storage_duration", 2*time.Minute, "how long to keep samples, cAdvisor's default")
	klog.InitFlags(nil)
	flag.Parse()

	// What cAdvisor leaves out unless told otherwise.
	included := container.AllMetrics.Difference(container.MetricSet{
		container.MemoryNumaMetrics: {}, container.NetworkTcpUsageMetrics: {}, container.NetworkUdpUsageMetrics: {},
		container.NetworkAdvancedTcpUsageMetrics: {}, container.ProcessSchedulerMetrics: {}, container.ProcessMetrics: {},
		container.HugetlbUsageMetrics: {}, container.ReferencedMemoryMetrics: {}, container.CPUTopologyMetrics: {},
		container.ResctrlMetrics: {}, container.CPUSetMetrics: {},
	})
	cache := memory.New(*keep, []storage.StorageDriver{})
	m, err := manager.New(cache, sysfs.NewRealSysFs(), manager.HousekeepingConfigFlags, included, &http.Client{}, []string{""}, []string{""}, "", 0)
	if err != nil {
		klog.Fatalf("manager.New: %v", err)
	}
	machine := metrics.NewPrometheusMachineCollector(m, included)
	goes, process := collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{})
	http.HandleFunc("/metrics", func(w http.ResponseWriter, request *http.Request) {
		registry := prometheus.NewRegistry()
		options := v2.RequestOptions{IdType: v2.TypeName, Count: 1, Recursive: true}
		registry.MustRegister(metrics.NewPrometheusCollector(m, metrics.DefaultContainerLabels, included, clock.RealClock{}, options), machine, goes, process)
		promhttp.HandlerFor(registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError}).ServeHTTP(w, request)
	})
	if err := m.Start(); err != nil {
		klog.Fatalf("manager.Start: %v", err)
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		_ = m.Stop()
		os.Exit(0)
	}()
	klog.Fatal(http.ListenAndServe(fmt.Sprintf("%s:%d", *ip, *port), nil))
}
