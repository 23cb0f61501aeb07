package drills_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	. "github.com/onsi/gomega"
)

// watchMemory follows the resident memory of this process until the function that it returns is called, which tells by
// how many bytes it grew at most.
func watchMemory(ctx context.Context) func() int64 {
	before := resident()
	most := make(chan int64)
	stop := make(chan struct{})
	go func() {
		peak := before
		for t := time.NewTicker(10 * time.Millisecond); ; {
			select {
			case <-t.C:
				peak = max(peak, resident())
			case <-stop:
				t.Stop()
				most <- peak - before
				return
			case <-ctx.Done():
				t.Stop()
				return
			}
		}
	}()
	return func() int64 {
		close(stop)
		return <-most
	}
}

// resident is VmRSS in bytes.
func resident() int64 {
	b, err := os.ReadFile("/proc/self/status")
	Expect(err).NotTo(HaveOccurred())
	_, rest, _ := strings.Cut(string(b), "VmRSS:")
	var kb int64
	_, err = fmt.Sscan(rest, &kb)
	Expect(err).NotTo(HaveOccurred())
	return kb << 10
}
