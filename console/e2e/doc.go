// Package e2e tests the console as people use it: the real program, the simulated Slack workspace, a headless Chromium, and nothing
// reached but by what a page shows. Its files are tests only.
//
// `make test` builds the console and installs Chromium first. Pictures of every page are left in the folder that LOCKSTEP_SCREENSHOTS
// names.
package e2e
