// Package suite lets scenarios be written as Ginkgo specs: one It is one drill. It starts systems where the run's settings
// say, registers every clean-up in the line after the start, writes the reports, and turns errors into failures at the
// scenario's own line.
//
//	func TestDrills(t *testing.T) { suite.Run(t, "payments") }
//
//	var _ = Describe("payments", Label("postgres", "owner=payments"), func() {
//		It("returns to the moment before a bad write", SpecTimeout(5*time.Minute), func(ctx SpecContext) {
//			sys := suite.Start(ctx, postgres.Cluster{Standbys: 1, Spares: 1, Dataset: dataset.Shop(dataset.ShopOptions{})})
//			d := suite.Begin(ctx, sys, drill.Scenario{Name: "payments/bad-write", Owner: "payments", ...})
//			Expect(d.Backup(ctx)).To(Succeed())
//			...
//			Expect(d.Verify(ctx)).To(suite.HavePassed())
//		})
//	})
package suite
