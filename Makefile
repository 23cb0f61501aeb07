# Targets explain themselves: `make help` prints the comments behind them.
.DEFAULT_GOAL := help

GO ?= go
# What `go test` may take for one package, real servers included. Drills run one after another: they keep a clock, and on a
# machine that is busy all the time they are inconclusive.
TEST_TIMEOUT ?= 30m
# The drill that `make drill` runs, and where: auto takes the best that this machine has, container, process and embedded
# are there or nowhere.
DRILL ?= ./scenarios/flagship
LABEL ?= flagship
ON ?= auto
# The image that it needs in containers.
DRILL_IMAGE ?= postgres:17
# Which broken recoveries `make sabotage` tries, by their labels.
SABOTAGE ?= full || !full
# The images that the tests need, and those that the same on every version needs besides.
TEST_IMAGES ?= postgres:17 mysql:9.7 mariadb:11.8 mariadb:10.11
OTHER_IMAGES := postgres:15 postgres:18

GOLANGCI_VERSION := v2.15.0
TOOLS := $(CURDIR)/.cache/bin
GOLANGCI := $(TOOLS)/golangci-lint-$(GOLANGCI_VERSION)

# With a daemon behind a local socket, published ports are on the loopback address.
ifeq ($(filter-out unix://%,$(DOCKER_HOST)),)
export TESTCONTAINERS_HOST_OVERRIDE ?= 127.0.0.1
endif

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z][a-z-]*:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: check
check: fmt-check vet lint test-short ## format, vet, lint, layers and the tests without servers: under a minute

# The suites that ship, of which the matrix of drills is made, and all of them but the main drill, with recoveries that are
# broken or interrupted. They take a filter of labels. Older versions are drilled as local processes by scenarios/ground.
SHIPPED := ./scenarios/postgres ./scenarios/mysql ./scenarios/sqlite ./scenarios/derived
SUITES := $(SHIPPED) ./scenarios/sabotage
DRILLS ?= !full && !version=15 && !version=18 && !version=10.11

# Of the tests beside the drills, those that take longest. `make test` leaves them out, `make test-more` runs no others.
LONG := ^(TestMySQL|TestMariaDB|TestEngineContract.*|TestContractSees.*|TestShopOn(MySQL|MariaDB|Postgres).*|TestContentsOf(MySQL|Postgres)|TestStructureOf(MySQL|Postgres)|TestTheOldDataStaysUntilTheCopyIsSound|TestTheReplicaOutlivesARunThatGoesWrong|TestRecovery|TestPgBackRest|TestOneMillionRows)$$

.PHONY: test
test: docker images servers ## the tests on real servers, and the main drill on each engine: some 15 minutes where the images are
	$(GO) test -count=1 -p 2 -timeout $(TEST_TIMEOUT) -skip '$(LONG)' $$($(GO) list ./... | grep -v /scenarios/)
	$(GO) test -count=1 -p 1 -timeout $(TEST_TIMEOUT) ./scenarios/flagship -ginkgo.label-filter='$(DRILLS)'

.PHONY: test-more
test-more: docker images servers ## the tests that take longer, and the other drills: some 40 minutes; .ci/run does both
	$(GO) test -count=1 -p 2 -timeout $(TEST_TIMEOUT) -run '$(LONG)' ./fixtures/... ./recover/... ./verify/...
	$(GO) test -count=1 -p 1 -timeout $(TEST_TIMEOUT) $$($(GO) list ./scenarios/... | grep -vxF "$$($(GO) list $(SUITES) ./scenarios/flagship ./scenarios/crash)")
	$(GO) test -count=1 -run TestOutcomes ./scenarios/crash
	$(GO) test -count=1 -p 1 -timeout $(TEST_TIMEOUT) $(SUITES) $(INTERRUPTED) -ginkgo.label-filter='$(DRILLS)'

.PHONY: test-all
test-all: export GAMEDAY_TESTS := all
test-all: DRILLS := full || !full
test-all: TEST_IMAGES += $(OTHER_IMAGES)
test-all: INTERRUPTED := ./scenarios/crash
test-all: TEST_TIMEOUT := 90m
test-all: test test-more ## the same on every version of every engine, every fault, every broken and every interrupted recovery: hours

.PHONY: sabotage
sabotage: $(if $(filter process embedded,$(ON)),,docker images) ## every broken recovery on every version of every engine, into docs/sabotages.json; ON=process for those that are installed here
	GAMEDAY_ON='$(ON)' $(GO) test -count=1 -timeout 90m ./scenarios/sabotage -ginkgo.label-filter='$(SABOTAGE)' -keep-results

.PHONY: sabotage-table
sabotage-table: go ## docs/sabotages.md: every way of being wrong, how it is tried, and what the runs have shown
	$(GO) test -count=1 ./verify/sabotage/corpus -run TestTable -update

.PHONY: drill
drill: build ## run the main drill on the best that is here; its verdict is the exit code
	@bin/gameday images ensure --on '$(ON)' $(DRILL_IMAGE)
	bin/gameday run $(DRILL) --label '$(LABEL)' --on '$(ON)'

.PHONY: build
build: go ## build bin/gameday
	$(GO) build -o bin/gameday ./cmd/gameday

.PHONY: images
images: docker ## have the images that the tests need: pulled, or built here
	@bin/gameday images ensure $(TEST_IMAGES)

.PHONY: clean
clean: build ## remove what dead runs left: containers, networks, volumes, processes
	bin/gameday clean

.PHONY: vet
vet: go ## go vet
	$(GO) vet ./...

.PHONY: lint
lint: $(GOLANGCI) ## golangci-lint
	$(GOLANGCI) run ./...

.PHONY: fmt
fmt: $(GOLANGCI) ## format the code: gofumpt and goimports
	$(GOLANGCI) fmt ./...

.PHONY: fmt-check
fmt-check: $(GOLANGCI)
	@$(GOLANGCI) fmt --diff ./... || { echo "not formatted: make fmt"; exit 1; }

.PHONY: test-short
test-short: go
	$(GO) test -count=1 -short ./...

.PHONY: drills
drills: $(if $(filter process embedded,$(ON)),,docker images) servers ## every shipped scenario, in one run of the command; LABEL=expression for some
	bin/gameday run $(SHIPPED) $(if $(filter command%,$(origin LABEL)),--label '$(LABEL)') --on '$(ON)'

.PHONY: crash
crash: docker images ## interrupt the restores at every step and run them again; writes docs/crash-matrix.md
	$(GO) test -count=1 -timeout 90m ./scenarios/crash -ginkgo.label-filter=full
	@head=$$(sed '/^|/,$$d' docs/crash-matrix.md) && table=$$(cat "$$(ls -td scenarios/crash/gameday-report/*/ | head -n 1)crash-matrix.md") && printf '%s\n\n%s\n' "$$head" "$$table" >docs/crash-matrix.md

.PHONY: calibration
calibration: ## outages of known length, held against the service clock; writes the table of docs/clock-calibration.md
	GAMEDAY_TESTS=all $(GO) test -count=1 -timeout 20m ./verify/calibration -args -write

.PHONY: mutation
mutation: docker images servers ## 10,000 random changes of contents on each engine, 200 of structure, each of which must be seen
	GAMEDAY_TESTS=all $(GO) test -count=1 -timeout 3h -v ./verify/mutation

.PHONY: matrix
matrix: build ## docs/matrix.md: which disaster is drilled on which engine with which recovery
	@head=$$(sed '/^|/,$$d' docs/matrix.md) && table=$$(bin/gameday list $(SHIPPED) --output matrix) && printf '%s\n\n%s\n' "$$head" "$$table" >docs/matrix.md

.PHONY: print-matrix
print-matrix: build
	@bin/gameday list $(SHIPPED) --output matrix

.PHONY: report-picture
report-picture: ## docs/report.png: a picture of the newest report, or of REPORT=path/to/report.html
	@set -e; \
	report='$(REPORT)'; \
	[ -n "$$report" ] || report=$$(ls -t gameday-report/*/report.html 2>/dev/null | head -n 1); \
	[ -f "$$report" ] || { echo "no report to take a picture of: make drill"; exit 2; }; \
	browser=$$(command -v chromium || command -v chromium-browser || command -v google-chrome) || { echo "no chromium in PATH: apt-get install chromium"; exit 2; }; \
	dir=$$(cd "$$(dirname "$$report")" && pwd); \
	"$$browser" --headless --no-sandbox --hide-scrollbars --window-size=1200,1150 --screenshot="$(CURDIR)/docs/report.png" "file://$$dir/$$(basename "$$report")"; \
	echo docs/report.png

# What is lacking is said in one line before anything starts.
.PHONY: go
go:
	@command -v $(GO) >/dev/null || { echo "go is not in PATH: install Go 1.26 or later, https://go.dev/dl"; exit 2; }

.PHONY: docker
docker: build
	@bin/gameday doctor docker

.PHONY: servers
servers:
	@.ci/servers

# Installed once, and never by `make test`: it takes one to two minutes.
$(GOLANGCI): | go
	GOBIN=$(TOOLS) $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)
	mv $(TOOLS)/golangci-lint $@
