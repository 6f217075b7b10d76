// Package schedule says which process runs which connection, and when the periodic work is done. River does it, on SQLite and
// on PostgreSQL: a job only says "run connection C"; the work itself is in the link table's due rows, so a job that is lost or
// doubled does no harm.
//
// River has no heartbeats. The runner's own lease guards that a connection has one runner, and a lease that was not renewed
// lets any process put in a new job for the next term at once, whatever River still believes of the old one.
package schedule

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/riverqueue/river/rivertype"

	"lockstep/directory"
	"lockstep/provision"
)

const (
	slice        = 30 * time.Second // one lease of work at a time
	jobLength    = 10 * time.Minute // then the job goes round once, so that River sees it alive
	rescue       = 15 * time.Minute
	embeddedPoll = 2 * time.Second
	watchEvery   = 3 * time.Second
	// watchPatience is how long the watch may fail until this process is not ready.
	watchPatience = 5 * watchEvery
	window        = 10 * time.Second
	maxRunning    = 1000 // connections run by one process
)

// Engine is what is scheduled.
type Engine interface {
	Runnable(ctx context.Context, envID string) ([]string, error)
	Running(connectionID string) bool
	Owner() string
	RunSlice(ctx context.Context, envID, connectionID string, length time.Duration) error
	Reconcile(ctx context.Context, envID, connectionID string) error
}

// Store is what the schedule looks at.
type Store interface {
	Environments(ctx context.Context) ([]directory.Environment, error)
	Runner(ctx context.Context, envID, connectionID string) (provision.RunnerState, error)
	WriteDB() *sql.DB
	Pool() *pgxpool.Pool
}

// Config is what a schedule is made of.
type Config struct {
	Engine    Engine
	Store     Store
	Logger    *slog.Logger
	Reconcile time.Duration                   // full reconciliation of every connection; 0 = never
	Expire    func(ctx context.Context) error // hourly housekeeping
	Sweep     func(ctx context.Context) error // every minute: what requests left to be done
}

// Schedule runs the connections of this process until it is stopped.
type Schedule struct {
	config Config
	boot   string // this start of this process
	insert func(ctx context.Context, args runArgs) error
	stop   func(ctx context.Context) error
	ended  func() <-chan struct{} // closed when the job queue does not work any more
	looked atomic.Int64           // when the watch last saw to everything, in nanoseconds
	wanted chan string
	cancel context.CancelFunc
	done   sync.WaitGroup
}

// runArgs says "run this connection". Ids only: a job queue is no place for anything else.
type runArgs struct {
	EnvironmentID string `json:"environment_id"`
	ConnectionID  string `json:"connection_id"`
	Term          int64  `json:"term"`
	// Boot and Window keep a job that somebody fetched and then died with, before the lease was taken, from standing in the way
	// of a new one: the next start is another boot, and another process waits for the next window at most.
	Boot   string `json:"boot"`
	Window int64  `json:"window"`
}

// Kind implements river.JobArgs.
func (runArgs) Kind() string { return "run_connection" }

// InsertOpts implements river.JobArgsWithInsertOpts: one job a connection, term, start and window. More than one does no
// harm: the lease lets one of them run.
func (runArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{UniqueOpts: river.UniqueOpts{ByArgs: true}, MaxAttempts: 1000}
}

type reconcileArgs struct{}

func (reconcileArgs) Kind() string { return "reconcile" }

// InsertOpts implements river.JobArgsWithInsertOpts: there is one such job, which sleeps in the database until it is due again. River's
// periodic jobs count from the start of the process: a server that is restarted every day would never reconcile.
func (reconcileArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{UniqueOpts: river.UniqueOpts{ByArgs: true}, MaxAttempts: 1000}
}

type expireArgs struct{}

func (expireArgs) Kind() string { return "expire" }

type sweepArgs struct{}

func (sweepArgs) Kind() string { return "sweep" }

// Start begins to run connections.
func Start(ctx context.Context, c Config) (*Schedule, error) {
	s := &Schedule{config: c, boot: uuid.NewString(), wanted: make(chan string, 64)}
	var err error
	if c.Store.Pool() != nil {
		err = start[pgx.Tx](ctx, s, riverpgxv5.New(c.Store.Pool()), false)
	} else {
		err = start[*sql.Tx](ctx, s, alone{riversqlite.New(c.Store.WriteDB())}, true)
	}
	if err != nil {
		return nil, err
	}
	s.looked.Store(time.Now().UnixNano())
	watchCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s.cancel = cancel
	s.done.Go(func() { s.watch(watchCtx) })
	return s, nil
}

// alone is a driver for a database that one process has to itself. River would ask SQLite for news twenty times a second, as if there
// were others, and that is most of what an idle process does. A driver without a listener makes River fetch at once what its client
// inserts.
type alone struct{ *riversqlite.Driver }

// SupportsListener implements riverdriver.Driver.
func (alone) SupportsListener() bool { return false }

// SupportsListenNotify implements riverdriver.Driver.
func (alone) SupportsListenNotify() bool { return false }

func start[TTx any](ctx context.Context, s *Schedule, driver riverdriver.Driver[TTx], embedded bool) error {
	migrator, err := rivermigrate.New(driver, nil)
	if err != nil {
		return fmt.Errorf("prepare the job queue: %w", err)
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return fmt.Errorf("migrate the job queue: %w", err)
	}
	if embedded {
		// The one process of a SQLite file starts: nothing else can be running.
		_, err := s.config.Store.WriteDB().ExecContext(ctx, `UPDATE river_job SET state = 'available' WHERE state = 'running'`)
		if err != nil {
			return fmt.Errorf("free the jobs of the last run: %w", err)
		}
	}
	workers := river.NewWorkers()
	river.AddWorker(workers, &runWorker{schedule: s})
	river.AddWorker(workers, river.WorkFunc(func(ctx context.Context, _ *river.Job[reconcileArgs]) error { return s.reconcile(ctx) }))
	river.AddWorker(workers, river.WorkFunc(func(ctx context.Context, _ *river.Job[expireArgs]) error { return s.config.Expire(ctx) }))
	river.AddWorker(workers, river.WorkFunc(func(ctx context.Context, _ *river.Job[sweepArgs]) error { return s.config.Sweep(ctx) }))
	poll := time.Second
	if embedded {
		// The poll finds nothing but what River itself puts back, as nobody else inserts.
		poll = embeddedPoll
	}
	client, err := river.NewClient(driver, &river.Config{
		Queues:  map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: maxRunning}},
		Workers: workers, PeriodicJobs: s.periodic(), Logger: s.config.Logger, JobTimeout: -1, RescueStuckJobsAfter: rescue,
		CompletedJobRetentionPeriod: rescue, FetchPollInterval: poll, SoftStopTimeout: 9 * time.Second,
	})
	if err != nil {
		return fmt.Errorf("prepare the job queue: %w", err)
	}
	if err := client.Start(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("start the job queue: %w", err)
	}
	if s.config.Reconcile > 0 {
		if err := planReconciliation(ctx, client, time.Now().Add(s.config.Reconcile)); err != nil {
			return fmt.Errorf("schedule the reconciliation: %w", errors.Join(err, client.StopAndCancel(context.WithoutCancel(ctx))))
		}
	}
	s.insert = func(ctx context.Context, args runArgs) error {
		_, err := client.Insert(ctx, args, nil)
		return err
	}
	s.stop, s.ended = client.StopAndCancel, client.Stopped
	return nil
}

// planReconciliation puts in the job that reconciles, unless it is there. One that is due later than it should be now is put in anew.
func planReconciliation[TTx any](ctx context.Context, client *river.Client[TTx], due time.Time) error {
	asleep, err := client.JobList(ctx, river.NewJobListParams().Kinds(reconcileArgs{}.Kind()).States(rivertype.JobStateScheduled))
	if err != nil {
		return err
	}
	for _, job := range asleep.Jobs {
		if job.ScheduledAt.After(due) {
			_, err := client.JobDelete(ctx, job.ID)
			if err != nil && !errors.Is(err, rivertype.ErrNotFound) && !errors.Is(err, rivertype.ErrJobRunning) { // another server was faster
				return err
			}
		}
	}
	_, err = client.Insert(ctx, reconcileArgs{}, &river.InsertOpts{ScheduledAt: due})
	return err
}

func (s *Schedule) periodic() []*river.PeriodicJob {
	return []*river.PeriodicJob{
		river.NewPeriodicJob(river.PeriodicInterval(time.Hour), func() (river.JobArgs, *river.InsertOpts) { return expireArgs{}, nil }, nil),
		river.NewPeriodicJob(river.PeriodicInterval(time.Minute), func() (river.JobArgs, *river.InsertOpts) {
			return sweepArgs{}, &river.InsertOpts{MaxAttempts: 1} // the next one makes it good
		}, &river.PeriodicJobOpts{RunOnStart: true}),
	}
}

// Stop lets the calls in flight finish and gives the leases back.
func (s *Schedule) Stop(ctx context.Context) error {
	s.cancel()
	s.done.Wait()
	if err := s.stop(ctx); err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("stop the job queue: %w", err)
	}
	return nil
}

// Alive is nil while connections are seen to: the watch goes its rounds, and the job queue takes jobs.
func (s *Schedule) Alive() error {
	select {
	case <-s.ended():
		return errors.New("the job queue has stopped")
	default:
	}
	if since := time.Since(time.Unix(0, s.looked.Load())); since > watchPatience {
		return fmt.Errorf("for %s nobody could look which connections are to run", since.Truncate(time.Second))
	}
	return nil
}

// Wanted says that connections of an environment may have to be run. It never waits.
func (s *Schedule) Wanted(envID string) {
	select {
	case s.wanted <- envID:
	default: // the watch looks at everything anyhow
	}
}

// watch puts in a job for every connection that should run and has no live runner: at once when told, and every few seconds
// for what nobody told of (another process's edits, a runner that died).
func (s *Schedule) watch(ctx context.Context) {
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	s.look(ctx, "")
	for {
		select {
		case <-ctx.Done():
			return
		case envID := <-s.wanted:
			s.look(ctx, envID)
		case <-ticker.C:
			s.look(ctx, "")
		}
	}
}

func (s *Schedule) look(ctx context.Context, only string) {
	err := s.each(ctx, func(envID, connectionID string) error {
		if only != "" && envID != only || s.config.Engine.Running(connectionID) {
			return nil
		}
		state, err := s.config.Store.Runner(ctx, envID, connectionID)
		if err != nil {
			return err
		}
		// A lease of our own that nobody here uses is left from before a crash.
		if state.Owner != "" && state.Owner != s.config.Engine.Owner() && time.Now().Before(state.LeasedUntil) {
			return nil
		}
		return s.insert(ctx, runArgs{
			EnvironmentID: envID, ConnectionID: connectionID, Term: state.Term + 1, Boot: s.boot, Window: time.Now().Unix() / int64(window.Seconds()),
		})
	})
	if err == nil {
		s.looked.Store(time.Now().UnixNano())
	} else if ctx.Err() == nil {
		s.config.Logger.Error("connections to run could not be scheduled", "error", err)
	}
}

func (s *Schedule) each(ctx context.Context, fn func(envID, connectionID string) error) error {
	environments, err := s.config.Store.Environments(ctx)
	if err != nil {
		return err
	}
	for _, env := range environments {
		connections, err := s.config.Engine.Runnable(ctx, env.ID)
		if err != nil {
			return err
		}
		for _, id := range connections {
			if err := fn(env.ID, id); err != nil {
				return err
			}
		}
	}
	return nil
}

// reconcile asks for all full reconciliations, and sleeps until the next.
func (s *Schedule) reconcile(ctx context.Context) error {
	if s.config.Reconcile <= 0 {
		// Switched off since the job was put in. A job that is done would keep a new one out for a while; one that is cancelled does not.
		return river.JobCancel(errors.New("there is no periodic reconciliation any more"))
	}
	err := s.each(ctx, func(envID, connectionID string) error { return s.config.Engine.Reconcile(ctx, envID, connectionID) })
	if err != nil {
		return err
	}
	return river.JobSnooze(s.config.Reconcile)
}

type runWorker struct {
	river.WorkerDefaults[runArgs]
	schedule *Schedule
}

// Work runs slices of a connection while it is to be run.
func (w *runWorker) Work(ctx context.Context, job *river.Job[runArgs]) error {
	e, args := w.schedule.config.Engine, job.Args
	end := time.Now().Add(jobLength)
	for time.Now().Before(end) && ctx.Err() == nil {
		runnable, err := e.Runnable(ctx, args.EnvironmentID)
		if err != nil {
			return err
		}
		wanted := false
		for _, id := range runnable {
			wanted = wanted || id == args.ConnectionID
		}
		if !wanted {
			return nil
		}
		switch err := e.RunSlice(ctx, args.EnvironmentID, args.ConnectionID, slice); {
		case errors.Is(err, provision.ErrLeased):
			return nil // somebody else runs it
		case err != nil && ctx.Err() == nil:
			w.schedule.config.Logger.Error("a connection's runner ended with an error", "connection", args.ConnectionID, "error", err)
			return river.JobSnooze(2 * time.Second)
		}
	}
	return river.JobSnooze(0)
}

// NextRetry keeps a failed run close: what failed is this process, not the work.
func (w *runWorker) NextRetry(*river.Job[runArgs]) time.Time { return time.Now().Add(2 * time.Second) }
