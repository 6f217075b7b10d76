// Package storetest is what every store must do, whatever database is below it.
package storetest

import (
	"testing"

	"lockstep/directory"
	"lockstep/store"
)

// Run runs the suite; open answers a fresh store.
func Run(t *testing.T, open func(t *testing.T) *store.DB) {
	t.Helper()
	for name, test := range map[string]func(t *testing.T, s *suite){
		"drift": testDrift, "trip": testTrip, "lingering": testLingering, "references": testReferences,
		"previews": testPreviews, "known digest": testKnownDigest, "drafts": testDrafts, "failure causes": testFailureCauses, "shared emails": testSharedEmails,
		"holds": testHolds, "gate": testGatePasses, "setup": testSetup, "users": testUsers, "rollback": testRollback, "usernames": testUsernames, "feed": testFeed, "lost updates": testLostUpdates, "marks": testMarks, "marks in flight": testMarksInFlight,
		"narrow": testNarrow, "exact": testExact, "secrets": testSecrets, "provisioning": testProvisioning, "accounts": testAccounts, "many accounts": testManyAccounts,
		"due":   testDue,
		"lease": testLease, "access": testAccess, "administrators": testAdministrators, "role assignments": testAssignments, "pending work": testPendingWork, "tested": testTested, "throughput": testThroughput, "activities": testActivities, "environments": testEnvironments, "populations": testPopulations,
		"attributes": testAttributes, "user edits": testUserEdits, "plans": testPlans, "connections": testConnections,
		"rules and mappings": testRulesAndMappings, "revisions": testRevisions, "clients": testClients, "account pages": testAccountPages, "news": testNews,
		"runners": testRunners, "populations at once": testPopulationsAtOnce, "placed at once": testPlacedAtOnce,
		"unique values at once": testUniqueAtOnce, "configured at once": testConfiguredAtOnce, "values of deleted": testValuesOfDeleted, "activity queries": testActivityQueries,
		"announcements": testAnnouncements, "authorizations": testAuthorizations, "append only": testAppendOnly, "tampering": testTampering, "reseal": testReseal, "chained": testChained, "prune": testPrune, "borrowed seal": testBorrowedSeal, "prune forged": testPruneForged, "alert settings": testAlertSettings, "alerts": testAlerts, "slow receiver": testSlowReceiver, "lost key": testLostKey,
		"groups": testGroups, "group rows": testGroupRows, "group accounts": testGroupAccounts, "dynamic groups": testDynamicGroups, "group model": testGroupModel, "large nesting": testLargeNesting,
	} {
		t.Run(name, func(t *testing.T) {
			s := &suite{db: open(t)}
			s.people = directory.NewService(s.db, directory.Options{})
			env, err := s.people.Setup(t.Context(), "Test")
			must(t, err)
			s.env = env.ID
			test(t, s)
		})
	}
}

type suite struct {
	db     *store.DB
	people *directory.Service
	env    string
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (s *suite) create(t *testing.T, username string) directory.User {
	t.Helper()
	u, err := s.people.CreateUser(t.Context(), s.env, directory.User{Username: username, Email: username + "@example.com", Enabled: true})
	must(t, err)
	return u
}
