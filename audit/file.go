package audit

import (
	"bufio"
	"fmt"
	"io"
)

// maxLine bounds a line of an exported file; a line of the log is much shorter.
const maxLine = 64 << 20

// VerifyFile proves an export (JSON lines) by itself: every record is what its link says, and the lines follow each other. An export
// that was narrowed has gaps; its lines are proved one by one, and Note says so. known are heads that came from elsewhere.
func VerifyFile(from io.Reader, known []Head) (Report, error) {
	in := bufio.NewScanner(from)
	in.Buffer(make([]byte, 64<<10), maxLine)
	v := &verification{known: known}
	gaps := int64(0)
	for n := int64(1); in.Scan() && v.report.Fault == nil; n++ {
		p, ok := parseLine(in.Bytes())
		switch {
		case !ok:
			v.fail(FaultChanged, n, "", "row %d of the file is no line of an export", n)
		case p.previous.Next(p.text) != p.hash:
			v.fail(FaultChanged, p.record.Seq, p.record.ID, "line %d (%s of %s) is not as it was written", p.record.Seq, p.record.Type, p.record.RecordedAt)
		case n == 1:
			v.report.EnvironmentID, v.report.Pruned = p.record.EnvironmentID, p.record.Seq-1
			if p.record.Seq == 1 && p.previous != Genesis {
				v.fail(FaultForged, 1, p.record.ID, "line 1 follows another one")
			}
		case p.record.EnvironmentID != v.at.EnvironmentID || p.record.Seq <= v.at.Seq:
			v.fail(FaultChanged, p.record.Seq, p.record.ID, "line %d stands behind line %d", p.record.Seq, v.at.Seq)
		case p.record.Seq == v.at.Seq+1 && p.previous != v.at.Hash:
			v.fail(FaultChanged, p.record.Seq, p.record.ID, "line %d does not follow line %d", p.record.Seq, v.at.Seq)
		case p.record.Seq > v.at.Seq+1:
			gaps++
		}
		if v.report.Fault == nil {
			v.at = Head{EnvironmentID: p.record.EnvironmentID, Seq: p.record.Seq, Hash: p.hash}
			v.report.Lines++
			v.compare()
		}
	}
	if err := in.Err(); err != nil {
		return Report{}, fmt.Errorf("read the export: %w", err)
	}
	v.report.Head = v.at
	v.file(gaps)
	v.report.Whole = v.report.Fault == nil
	return v.report, nil
}

// file ends the proof of a file.
func (v *verification) file(gaps int64) {
	if gaps > 0 {
		v.note("there are %d gaps: the export was narrowed, or lines were taken out of the file", gaps)
	}
	for _, h := range v.known {
		switch {
		case v.report.Fault != nil || v.compared[h]:
		case h.EnvironmentID == v.at.EnvironmentID && h.Seq > v.at.Seq:
			v.fail(FaultCut, v.at.Seq+1, "", "the file ends with line %d, but the log had a line %d", v.at.Seq, h.Seq)
		case h.EnvironmentID != v.at.EnvironmentID:
			v.note("the head at line %d of environment %s was not compared: the file has no line of that environment", h.Seq, h.EnvironmentID)
		default:
			v.note("the head at line %d was not compared: the file does not have that line", h.Seq)
		}
	}
}
