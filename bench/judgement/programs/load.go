// A Go program that keeps, drops and leaks memory as its options say: MiB, MiB/s, seconds.
package main

import (
	"flag"
	"time"
)

type node struct {
	next *node
	data [1000]byte
}

// chain makes garbage or keeps: small objects with pointers, as real programs have.
func chain(mib float64) *node {
	var head *node
	for n := int(mib * 1024); n > 0; n-- {
		head = &node{next: head}
		head.data[n%1000] = 1
	}
	return head
}

func main() {
	burst := flag.Float64("burst", 0, "kept from the start")
	leak := flag.Float64("leak", 0, "a second")
	churn := flag.Float64("churn", 0, "garbage a second")
	after := flag.Float64("after", 0, "the leak begins")
	until := flag.Float64("until", 0, "the leak ends at")
	on := flag.Float64("on", 0, "leak so long")
	off := flag.Float64("off", 0, "then rest so long")
	seconds := flag.Float64("seconds", 60, "run")
	flag.Parse()
	began := time.Now()
	kept := []*node{}
	for b := 0.0; b < *burst; b += 20 {
		kept = append(kept, chain(20))
		time.Sleep(100 * time.Millisecond)
	}
	leaked := 0.0
	for time.Since(began).Seconds() < *seconds {
		time.Sleep(100 * time.Millisecond)
		now := time.Since(began).Seconds()
		period := *on + *off
		resting := *off > 0 && now-float64(int(now/period))*period > *on
		if *leak > 0 && now >= *after && !resting && (*until == 0 || leaked < *until) {
			kept = append(kept, chain(*leak/10))
			leaked += *leak / 10
		}
		if *churn > 0 {
			chain(*churn / 10)
		}
	}
	println(len(kept))
}
