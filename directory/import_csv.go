package directory

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
)

const (
	maxRowBytes = 1 << 20
	peekBytes   = 4096
)

// csvFile reads the rows of a CSV file one by one.
type csvFile struct {
	reader *csv.Reader
	budget *budget
	next   int // the line after the last row
}

// brokenRow is a row that cannot be read. The file goes on after it unless it was the last.
type brokenRow struct {
	line    int
	message string
	last    bool
}

func (b *brokenRow) Error() string { return fmt.Sprintf("line %d: %s", b.line, b.message) }

var errRowTooLong = errors.New("row too long")

// budget ends a row that does not end: behind a quote that is never closed, the rest of the file would be read into memory.
type budget struct {
	in   io.Reader
	left int
}

func (b *budget) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errRowTooLong
	}
	n, err := b.in.Read(p)
	b.left -= n
	return n, err
}

// openCSV finds out how the file is written: UTF-8 with or without a byte order mark; comma, semicolon or tab.
func openCSV(in io.Reader) (*csvFile, error) {
	buffered := bufio.NewReaderSize(in, 64<<10)
	head, err := buffered.Peek(peekBytes)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read the file: %w", err)
	}
	head, marked := bytes.CutPrefix(head, []byte("\xef\xbb\xbf"))
	first, _, _ := bytes.Cut(bytes.TrimLeft(head, "\r\n"), []byte("\n"))
	switch {
	case len(bytes.TrimSpace(head)) == 0:
		return nil, badFile("the file is empty; the first line must name the columns, such as username,email,given,family")
	case bytes.HasPrefix(head, []byte{0xff, 0xfe}), bytes.HasPrefix(head, []byte{0xfe, 0xff}), bytes.IndexByte(first, 0) >= 0:
		return nil, badFile("line 1: the file is encoded in UTF-16, or is no text at all; save it as CSV UTF-8")
	case marked:
		_, _ = buffered.Discard(3)
	}
	f := &csvFile{budget: &budget{in: buffered}, next: 1}
	f.reader = csv.NewReader(f.budget)
	f.reader.Comma = separator(string(first))
	f.reader.FieldsPerRecord = -1
	return f, nil
}

// separator is the one that the header uses most.
func separator(header string) rune {
	best, count := ',', strings.Count(header, ",")
	for _, c := range ";\t" {
		if n := strings.Count(header, string(c)); n > count {
			best, count = c, n
		}
	}
	return best
}

func (f *csvFile) offset() int64 { return f.reader.InputOffset() }

// row reads the next row and the line on which it begins. It answers io.EOF at the end, and a brokenRow for what is not CSV.
func (f *csvFile) row() (int, []string, error) {
	f.budget.left = maxRowBytes
	fields, err := f.reader.Read()
	if errors.Is(err, errRowTooLong) {
		return 0, nil, &brokenRow{
			f.next, fmt.Sprintf("the row is longer than %d bytes, perhaps because a quote is not closed; the rows from here on were not read", maxRowBytes), true,
		}
	}
	if parse, ok := errors.AsType[*csv.ParseError](err); ok {
		f.next = parse.Line + 1
		return 0, nil, &brokenRow{parse.StartLine, quotingSentence(parse), false}
	}
	if err != nil {
		return 0, nil, err
	}
	line, _ := f.reader.FieldPos(0)
	end, _ := f.reader.FieldPos(len(fields) - 1)
	f.next = end + strings.Count(fields[len(fields)-1], "\n") + 1
	return line, fields, nil
}

// quotingSentence says what is wrong with a row's quotes, and which lines went with it.
func quotingSentence(err *csv.ParseError) string {
	var sentence string
	switch {
	case errors.Is(err, csv.ErrQuote):
		sentence = `a quote is not closed, or stands alone inside a quoted value; write "" for a quote`
	case errors.Is(err, csv.ErrBareQuote):
		sentence = `a quote stands inside a value that is not quoted; put the value in quotes and write "" for the quote`
	default:
		sentence = "the line is not valid CSV"
	}
	if err.Line > err.StartLine {
		sentence += fmt.Sprintf("; what was read up to line %d was taken for one row", err.Line)
	}
	return sentence
}
