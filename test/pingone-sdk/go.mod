// PingOne's Go SDK is a module of its own, so that nobody who builds Lockstep has to get it.
module lockstep/test/pingone-sdk

go 1.26.8

require github.com/patrickcping/pingone-go-sdk-v2/management v0.70.0
