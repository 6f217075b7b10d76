package store

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// channel is PostgreSQL's name for where processes on one database tell each other what they edited.
const channel = "lockstep_edits"

const (
	announceQueue    = 256
	announcePatience = 2 * time.Second // an announcement is a courtesy: whoever misses it looks by himself
	listenAgain      = time.Second
)

// announcer tells the other processes on a PostgreSQL database of edits. It does so after the edit, beside it, and once for many:
// a NOTIFY within each transaction would make all commits of the database wait for each other.
type announcer struct {
	pool *pgxpool.Pool
	self string
	envs chan string
	stop chan struct{}
	once sync.Once
	done sync.WaitGroup
}

func newAnnouncer(pool *pgxpool.Pool) *announcer {
	a := &announcer{pool: pool, self: newID(), envs: make(chan string, announceQueue), stop: make(chan struct{})}
	a.done.Go(func() {
		for {
			select {
			case env := <-a.envs:
				a.announce(env)
			case <-a.stop:
				a.announce("")
				return
			}
		}
	})
	return a
}

// announce tells of everything that waits, each environment once.
func (a *announcer) announce(first string) {
	edited := map[string]bool{first: true}
	for more := true; more; {
		select {
		case env := <-a.envs:
			edited[env] = true
		default:
			more = false
		}
	}
	delete(edited, "")
	for env := range edited {
		ctx, cancel := context.WithTimeout(context.Background(), announcePatience)
		_, _ = a.pool.Exec(ctx, `SELECT pg_notify($1, $2)`, channel, a.self+" "+env)
		cancel()
	}
}

func (a *announcer) close() {
	a.once.Do(func() { close(a.stop) })
	a.done.Wait()
}

// Announce tells the other processes on the same database that something was edited in an environment. It never waits. On
// SQLite, where one process serves, it does nothing.
func (db *DB) Announce(envID string) {
	if db.announcer == nil {
		return
	}
	select {
	case db.announcer.envs <- envID:
	default:
	}
}

// Heed calls heard for each environment in which another process edited something, and with "" when it may have missed some. It
// returns when ctx ends. A database that cannot be listened to (behind a pooler, say) is tried on: nobody depends on it.
func (db *DB) Heed(ctx context.Context, heard func(envID string)) {
	for db.announcer != nil && ctx.Err() == nil {
		db.listen(ctx, heard)
		select {
		case <-ctx.Done():
		case <-time.After(listenAgain):
		}
	}
}

func (db *DB) listen(ctx context.Context, heard func(envID string)) {
	connection, err := pgx.ConnectConfig(ctx, db.pool.Config().ConnConfig)
	if err != nil {
		return
	}
	defer func() { _ = connection.Close(context.WithoutCancel(ctx)) }()
	if _, err := connection.Exec(ctx, "LISTEN "+channel); err != nil {
		return
	}
	heard("")
	for {
		n, err := connection.WaitForNotification(ctx)
		if err != nil {
			return
		}
		if who, env, ok := strings.Cut(n.Payload, " "); ok && who != db.announcer.self {
			heard(env)
		}
	}
}
