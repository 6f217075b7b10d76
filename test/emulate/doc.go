// Package emulate tries what gets tokens against an OAuth server of Slack's that we did not write: the Slack service of the npm
// package emulate, in the version that package.json names.
package emulate
