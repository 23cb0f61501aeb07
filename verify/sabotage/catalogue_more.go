package sabotage

func classEF() []Entry {
	const s, d = "structure", "durability"
	return []Entry{
		entry("E1", "roles or users are missing", servers, s).drill(postgres, ofDump+"leaves out the other roles"),
		entry("E2", "a grant is missing, or there is one too many", servers, s),
		entry("E4", "the restoring user owns something", servers, s),
		entry("E7", "the way in was left open", servers, s),
		entry("E8", "everybody on the host may read the data", everyEngine, s).
			drill(sqlite, ofFile+"it leaves the file to be read by everybody").
			not("the server refuses to start on a directory that others may read", postgres).
			not("the server's directory is below one that only it may enter; no leg reads modes", mysql, mariadb),
		entry("E9", "the audit plugin is off", servers, s).
			not("no image has an audit plugin; which plugins, extensions and components are loaded is compared, and D18 loses one", servers...),
		entry("E10", "encryption at rest is off", servers, s).
			not("no image has a keyring; what says that a table is encrypted is part of its definition, which is compared", servers...),
		entry("F1", "what makes a commit durable was left off (PostgreSQL)", []string{postgres}, d, "restart"),
		entry("F2", "what makes a commit durable was left off (MySQL)", mysqls, d, "restart").drill(mysql, flagshipMy+"leaves the server as fast as it was for the restore"),
		entry("F3", "what makes a commit durable was left off (SQLite)", []string{sqlite}, d).
			not("these settings are each client's own: the shipped store's clients set them whenever they open the file, and a drill on a store that does not is refused at its beginning", sqlite),
		entry("F4", "the archive or the binary log is off, or throws everything away", servers, d, "rearmed", "restart").
			drill(postgres, ofBackRest+"leaves the archive off", fromOutage+"makes room by calling everything archived, now and for ever"),
		entry("F5", "backups are not taken any more", everyEngine, "rearmed"),
		entry("F6", "checksums are off on the new server", []string{postgres}, d).drill(postgres, ofDump+"leaves the configuration to initdb"),
		entry("F8", "memory, connections or time limits are tiny", servers, s, "restart"),
		entry("F9", "nothing is vacuumed, or no statistics are kept", servers, s),
		entry("F11", "the disk is almost full", everyEngine, "physical").not("no leg looks at free space; the report shows what the recovery wrote", everyEngine...),
	}
}

func classGH() []Entry {
	return []Entry{
		entry("G1", "the server is read-only, still in recovery or still a replica", servers, "service", "structure", "restart").
			drill(mariadb, promotionM+"leaves it a replica of the old primary").scene(),
		entry("G2", "the restore went elsewhere, and clients reach the old store", everyEngine, "contents").
			flagships("restores into the wrong place and cuts over to the old server").drill(sqlite, ofFile+"it restores beside and sends clients to the old file"),
		entry("G3", "the route leads to the old or a third store", everyEngine, "service", "contents", "cut-over").
			drill(postgres, fromOutage+"promotes and sends clients back to the primary whose network flaps").drill(sqlite, ofFile+"it restores beside and keeps clients on the old file").scene(),
		entry("G4", "split brain: the old primary takes writes", everyEngine, "fenced", "ledger").
			drill(postgres, promotion+"does not fence the old primary", fromOutage+"promotes beside a frozen primary and leaves it to wake up").
			drill(mariadb, promotionM+"does not fence the old primary"),
		onReplicas(entry("G5", "a replica holds other rows", servers, "replicas")),
		onReplicas(entry("G6", "a replica does not follow", servers, "replicas").drill(postgres, "the rebuild of a standby is caught when it leaves the standby behind")),
		onReplicas(entry("G7", "a replica has other structure, or other accounts", servers, "replicas").drill(mariadb, "the rebuild of a replica is caught when it leaves triggers, an index and an account out")),
		entry("G8", "the standby that lags behind was promoted", servers, "ledger").
			drill(postgres, promotion+"takes the standby that lags behind").
			drill(mariadb, promotionM+"takes the replica that lags behind", promotionM+"does not let the replica apply its relay log").
			not("MySQL's promotion is the same procedure as MariaDB's, whose drills these are", mysql),
		onReplicas(entry("G9", "there are fewer replicas than before", servers, "replicas").drill(postgres, "the rebuild of a standby is caught when it does nothing")),
		entry("G10", "the way for reading leads to old rows", everyEngine, "service").not("a drill's clients have one way to the store, for reading and writing", everyEngine...),
		entry("G11", "another database of the server was rolled back", servers, "contents"),
		entry("G12", "the restore wrote over a neighbour", servers, "contents"),
		onReplicas(entry("G13", "a replica takes writes of clients", servers, "replicas").drill(mariadb, "the rebuild of a replica is caught when it leaves the replica open for writes")),
		entry("G14", "a cache, an index or a queue is ahead of the database", everyEngine, "replay").
			not("the check asks no engine: what is derived is a file in the shipped scenario, whatever its source is", servers...).
			drill(sqlite, ofReplay+"loses an event and goes on", ofReplay+"starts one event too late", ofReplay+"applies an event twice"),
		entry("G16", "it works in the restoring session only", servers, "service", "structure").scene(),
		entry("G17", "the administrator can log in, the application cannot", servers, "structure"),
		entry("H1", "the script exits 0 without doing anything", everyEngine, "contents").
			flagships("restores nothing and exits 0").drill(sqlite, ofFile+"it restores nothing and says that it has"),
		entry("H2", "it is called healthy before the recovery has ended", everyEngine, "service").
			drill(sqlite, ofReplay+"lets clients in before it has caught up").scene(),
		entry("H3", "the failing rows were deleted", everyEngine, "contents").
			drill(postgres, "a salvage is caught when it drops a block that was sound").drill(sqlite, "the salvage of a damaged file is caught when it skips a page that can be read"),
		entry("H6", "a cache or a mock answers", everyEngine, "service").scene(),
		entry("H7", "somebody helped by hand", everyEngine, "plan").not("who else was on the nodes meanwhile is not looked at; what a recovery needs by hand is in its plan", everyEngine...),
		entry("H8", "the same disaster could not be survived again", everyEngine, "rearmed", "restart"),
	}
}

// onReplicas are entries that tests of the check show by what it has collected.
func onReplicas(e Entry) Entry {
	for _, engine := range servers {
		e = e.test(engine, "github.com/recoverydrill/gameday/verify.TestStandbysMustHoldWhatThePrimaryHolds")
	}
	return e
}

func classZ() []Entry {
	z := func(id, title string, checks ...string) Entry {
		return entry(id, title, everyEngine, checks...).scene()
	}
	const here = "github.com/recoverydrill/gameday/fixtures/"
	pg, my, lite := here+"postgres/survey.", here+"mysql/survey.", here+"sqlite/survey."
	tests := func(e Entry, postgresTest, mysqlTest, sqliteTest string) Entry {
		e.Scene = ""
		return e.test(postgres, pg+postgresTest).test(mysql, my+mysqlTest).test(mariadb, my+mysqlTest).test(sqlite, lite+sqliteTest)
	}
	return []Entry{
		z("Z1", "the manifest is of another drill, or was taken after the damage", "contents"),
		z("Z2", "the list of tables comes from the recovered side", "contents"),
		z("Z3", "both sides fail and look equal", "contents", "structure"),
		tests(z("Z4", "a digest is NULL, a row too large, or there was a warning", "contents"), "TestEverySingleChangeOfAnyTypeIsSeen", "TestAWarningIsAnError", "TestEverySabotageIsSeen"),
		z("Z6", "ranges of keys have gaps or overlap", "contents"),
		z("Z7", "the baseline was compared with itself, or with another server", "contents", "identity"),
		tests(z("Z8", "an index answered and not the table", "contents"), "TestDamage", "TestAnIndexThatIsBehindItsRowsIsSeen", "TestIndexThatDisagrees"),
		z("Z10", "the ledger is cut off, empty, or its clock jumped", "ledger"),
		tests(z("Z11", "values were compared as floating-point numbers, or as a driver's own types", "contents"), "TestSettingsOfTheSessionDoNotMatter", "TestSettingsOfTheServerDoNotMatter", "TestRandomRows"),
		z("Z12", "a check can never fire", "objectives"),
		z("Z13", "the clock or the survey looked at the wrong time", "service"),
		tests(z("Z14", "the server's own functions are missing or others", "contents"), "TestSelfTestRefusesOtherHashes", "TestSelfTestRefusesOtherFunctions", "TestRandomRows").
			not("no function of SQLite is part of the digest: rows are hashed in this process", sqlite),
		z("Z15", "something was repaired between two checks", "identity").
			test(postgres, pg+"TestSnapshotHoldsStill").test(mysql, my+"TestSnapshotHoldsStill").test(mariadb, my+"TestSnapshotHoldsStill").test(sqlite, lite+"TestManifest"),
	}
}
