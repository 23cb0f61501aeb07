package faults_test

import (
	"fmt"
	"time"

	"github.com/recoverydrill/gameday/faults"
)

// A table is dropped, and whoever looks for the newest backup does not find it. The combination is proven only if both
// took effect: the checks see the one, the other proves itself.
func ExampleTogether() {
	f := faults.Together(faults.DropTable("shop.payments"), faults.DeleteBackup())
	d := f.Describe()
	fmt.Println(d.Name)
	fmt.Println(d.Detail)
	// Output:
	// dropped table and deleted backup
	// DROP TABLE shop.payments CASCADE; and the newest base backup is deleted from the vault
}

// One of several disasters, by the seed of the day: the same seed repeats it.
func ExampleRandom() {
	f := faults.Random(20261126,
		faults.DeleteRows("shop.payments"),
		faults.SwapColumns("shop.customers", "first_name", "last_name"),
		faults.LoseNode(""),
	)
	fmt.Println(f.Describe().Detail)
	// Output:
	// node primary is gone, with its disks (chosen by seed 20261126, number 3 of 3)
}

// A release spoils half a percent of the payments each second for a minute, and some of the rows that clients write
// meanwhile.
func ExampleSlowBurn() {
	b := faults.BurnSlowly("shop.payments", "amount", "0")
	b.Share, b.Duration, b.Seed, b.Traffic = 0.005, time.Minute, 7, true
	fmt.Println(b.Describe().Detail)
	// Output:
	// amount = 0 in 0.5 % of the rows of shop.payments each second for 1m0s, and as many of traffic's rows (seed 7)
}
