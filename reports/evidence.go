package reports

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// evidenceWords says what the files are, by their path in the evidence directory.
var evidenceWords = map[string]string{
	LedgerFile:                       "every write that traffic attempted, and what it was told",
	ProbeFile:                        "every answer of the service clock",
	RowsFile:                         "traffic's tables as found after the recovery",
	OutputFile:                       "the recovery's output, secrets masked",
	PlanFile:                         "what the recovery printed when it was asked for its plan",
	PreflightFile:                    "what it printed when it was asked for what it needs",
	BaselineDir + "/" + ManifestFile: "the store's contents and structure at the mark",
	DamagedDir + "/" + ManifestFile:  "the same, of the damaged store",
	FoundDir + "/" + ManifestFile:    "the same, after the recovery",
}

// Hash lists the evidence in a drill's directory with sizes and SHA-256, sorted by path: every file but the record
// itself, the rendered reports, and what a crash left of a file that was being written. What is neither a file nor a
// directory (a socket, a link) is listed without a hash, and says so.
func Hash(dir string) ([]EvidenceFile, error) {
	var files []EvidenceFile
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		switch {
		case rel == RecordFile, rel == JUnitFile, rel == HTMLFile, rel == SummaryFile:
			return nil
		case strings.HasPrefix(entry.Name(), temporaryPrefix):
			return nil
		case !entry.Type().IsRegular():
			files = append(files, EvidenceFile{Path: rel, What: "not a regular file: not hashed"})
			return nil
		}
		f, err := hashFile(path)
		if err != nil {
			return err
		}
		f.Path, f.What = rel, evidenceWords[rel]
		files = append(files, f)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("hash evidence: %w", err)
	}
	return files, nil
}

func hashFile(path string) (EvidenceFile, error) {
	f, err := os.Open(path) //nolint:gosec // below the directory that the caller names
	if err != nil {
		return EvidenceFile{}, err
	}
	defer f.Close() //nolint:errcheck // only read
	h := sha256.New()
	n, err := io.Copy(h, f)
	if err != nil {
		return EvidenceFile{}, err
	}
	return EvidenceFile{Bytes: n, SHA256: hex.EncodeToString(h.Sum(nil))}, nil
}
