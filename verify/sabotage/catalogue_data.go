package sabotage

func classA() []Entry {
	return []Entry{
		entry("A1", "yesterday's backup instead of the latest", everyEngine, "contents", "ledger").
			drill(postgres, ofBackRest+"restores the full backup alone, without the log").drill(mariadb, ofMariaDB+"leaves the increments out"),
		entry("A2", "another environment's backup with the same schema", everyEngine, "identity"),
		entry("A3", "an empty database with the full schema", everyEngine, "contents"),
		entry("A4", "the end of the log is missing, and the recovery ends early without an error", servers, "ledger").
			drill(postgres, "damage on disk in the archived log is caught when a recovery to the end of the log takes it for the end").
			drill(mariadb, ofMariaDB+"replays one file of the log too few").
			not("MySQL replays the same kind of log with the same script as MariaDB; its own drills are A5 and A23", mysql),
		entry("A5", "a target too early", everyEngine, "ledger").flagships("stops 30 s too early").drill(sqlite, ofFile+"it stops 30 s too early"),
		entry("A6", "a target too late: the bad write was replayed too", everyEngine, "contents").
			flagships("replays the bad write as well").drill(sqlite, ofFile+"it replays the bad write as well").
			drill(postgres, ofBackRest+"replays the bad write as well"),
		entry("A7", "an abandoned branch was replayed", everyEngine, "ledger"),
		entry("A8", "the file was copied without its log", []string{sqlite}, "ledger").drill(sqlite, ofFile+"its backup is the file without its log"),
		entry("A9", "the log of another moment lies beside the file", []string{sqlite}, "contents").drill(sqlite, ofFile+"it puts the new file beside the log of the old one"),
		entry("A11", "two backups were merged", everyEngine, "contents"),
		entry("A12", "a partition is missing", servers, "structure"),
		entry("A13", "one schema, database or table was left out by a filter", everyEngine, "structure").
			flagships("loses one table").
			drill(mysql, flagshipMy+"replays the log of one database alone").drill(mariadb, flagshipMa+"replays the log of one database alone").drill(sqlite, ofFile+"it loses one table"),
		entry("A14", "the load stopped at its first error, and nobody was told", everyEngine, "contents").drill(postgres, ofDump+"lets psql go on after an error"),
		entry("A15", "a table without a key was loaded twice", everyEngine, "contents"),
		entry("A17", "one row is gone and another invented", everyEngine, "contents"),
		entry("A18", "deleted rows are back", everyEngine, "ledger"),
		entry("A19", "the last changes of some rows are lost", everyEngine, "ledger", "contents"),
		entry("A20", "a transaction over several tables is torn", everyEngine, "ledger"),
		entry("A21", "transactions that were rolled back are visible", everyEngine, "ledger"),
		entry("A23", "there is a hole in the log that was replayed", everyEngine, "ledger").
			drill(mysql, flagshipMy+"passes over a file of the log").drill(sqlite, "a restore over a hole in the replica is caught when nobody has looked for the hole"),
		entry("A24", "a table that a crash empties is empty", servers, "contents"),
		entry("A27", "files that rows refer to were not restored", everyEngine, "contents").
			not("no leg looks at files outside of the store: a scenario needs a check of its own for them", everyEngine...),
	}
}

func classB() []Entry {
	const c = "contents"
	return []Entry{
		entry("B1", "two rows have each other's values", everyEngine, c),
		entry("B3", "two columns have each other's values", everyEngine, c),
		entry("B4", "text is cut off", everyEngine, c, "ledger"),
		entry("B5", "UTF-8 was read as Latin-1", everyEngine, c),
		entry("B6", "four-byte characters are question marks", everyEngine, c),
		entry("B7", "every time is shifted by the same amount", everyEngine, c),
		entry("B8", "fractions of a second are lost", everyEngine, c),
		entry("B10", "NULL became the empty string", everyEngine, c),
		entry("B11", "the empty string became NULL", everyEngine, c),
		entry("B13", "floating-point numbers went through text", everyEngine, c).drill(mariadb, ofMariaDB+"has a dump of floats"),
		entry("B15", "unsigned numbers were read as signed", everyEngine, c),
		entry("B16", "large numbers went through a floating-point one", everyEngine, c, "ledger"),
		entry("B18", "letters have another case, or are composed in another way", everyEngine, c),
		entry("B19", "JSON was written anew", servers, c),
		entry("B20", "booleans are inverted", everyEngine, c),
		entry("B22", "bytes were escaped twice, or became text", everyEngine, c),
		entry("B23", "the bytes of identifiers have another order", mysqls, c),
		entry("B25", "encrypted values are of another key", everyEngine, c),
		entry("B27", "a generated column is stale", everyEngine, c),
		entry("B28", "a materialised view or a table of totals is stale", everyEngine, c),
		entry("B30", "dates became the epoch", everyEngine, c),
		entry("B31", "a masked backup", everyEngine, c),
	}
}

func classC() []Entry {
	const c = "contents"
	return []Entry{
		entry("C1", "a block of a table is zeroes", []string{postgres}, c, "physical").drill(postgres, "damage on disk is caught when nothing is done about a block of zeroes"),
		entry("C3", "a bit of a page is another one", everyEngine, "physical", c).
			not("a file has no checksums of its pages: a bit that is another one is C4", sqlite),
		entry("C4", "a bit is another one, and the page's checksum fits", everyEngine, c).
			not("a page whose checksum fits is what an ordinary write leaves: to every check it is one of B1 to B31", postgres, mysql, mariadb),
		entry("C5", "a page is as it was before its last write", everyEngine, c),
		entry("C7", "an index was built by another version of the collations", []string{postgres}, "structure"),
		entry("C8", "a unique index holds a value twice", everyEngine, "constraints", "structure").
			not("InnoDB refuses a duplicate with every check switched off: unique_checks only puts it off", mysql, mariadb),
		entry("C10", "a piece of a large value is missing", []string{postgres}, c),
		entry("C11", "a leaf page is zeroes", mysqls, c),
		entry("C12", "the server was left in its emergency mode (innodb_force_recovery)", mysqls, "durability"),
		entry("C13", "the log was thrown away, and transactions are cut or half applied", everyEngine, "ledger").
			drill(postgres, fromOutage+"throws the log away before it starts a killed server"),
		entry("C15", "a page is damaged, freed or still referred to", []string{sqlite}, "structure", "physical"),
		entry("C16", "a tablespace is an old copy", []string{postgres}, c).
			not("what clients read is rows of another moment in whole tables: A1 and A19 act like it, C5 shows that an old page is seen", postgres),
		entry("C17", "a file has a hole", everyEngine, c).not("a hole in a file of InnoDB reads as C11", mysql, mariadb),
	}
}

func classD() []Entry {
	const s = "structure"
	return []Entry{
		entry("D1", "an index is missing, invalid or invisible", everyEngine, s).drill(sqlite, "the salvage of a damaged file is caught when it forgets an index"),
		entry("D2", "a primary or unique key is missing", everyEngine, s),
		entry("D3", "a foreign key is missing, not validated, or its triggers are off", everyEngine, s, "constraints"),
		entry("D5", "a check or NOT NULL is missing, or not enforced", everyEngine, s, "constraints").
			drill(postgres, "a salvage is caught when it takes the table's constraint away"),
		entry("D6", "a default, an identity or ON UPDATE is missing", everyEngine, s),
		entry("D7", "a trigger is missing or disabled", everyEngine, s),
		entry("D9", "a routine or event is missing, or is another one", servers, s).
			drill(mariadb, ofMariaDB+"has a dump without routines", ofMariaDB+"has a dump without events", promotionM+"leaves an event disabled"),
		entry("D10", "a view is missing, or runs with other rights", everyEngine, s),
		entry("D11", "a sequence went back", everyEngine, s).drill(sqlite, "the salvage of a damaged file is caught when it gives numbers out twice"),
		entry("D13", "a column has another type or length", everyEngine, s),
		entry("D14", "columns have another order", everyEngine, s),
		entry("D15", "a collation or character set is another one", everyEngine, s),
		entry("D17", "a table is unlogged, or has another engine or row format", servers, s),
		entry("D18", "an extension is missing", []string{postgres}, s),
		entry("D19", "row security is off, or a policy is missing or lets everybody in", []string{postgres}, s),
		entry("D21", "a publication or a replica identity is missing", []string{postgres}, s),
		entry("D22", "the time-zone tables are empty", mysqls, s),
		entry("D23", "what only a file has is lost: STRICT, WITHOUT ROWID, user_version", []string{sqlite}, s).
			drill(sqlite, "the salvage of a damaged file is caught when it forgets the schema's version"),
	}
}
