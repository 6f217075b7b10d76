package slack

import (
	"hash/fnv"
	"strconv"
	"strings"
	"time"
)

// wireUser is a user as Slack writes it. Parts that are embedded and nil are not there: accounts without a custom profile, bots
// and guests have the minimal shape. An extension's key differs by version.
type wireUser struct {
	Schemas    []string    `json:"schemas"`
	ID         string      `json:"id"`
	ExternalID string      `json:"externalId"` // always "", whatever was sent
	Meta       wireMeta    `json:"meta"`
	UserName   string      `json:"userName"`
	NickName   string      `json:"nickName"`
	Name       wireName    `json:"name"`
	Display    string      `json:"displayName"`
	ProfileURL string      `json:"profileUrl"`
	Title      string      `json:"title"`
	Timezone   string      `json:"timezone"`
	Active     bool        `json:"active"`
	Emails     []wireEmail `json:"emails"`
	Photos     []wireValue `json:"photos"`
	*wireFull
	*wireFullV1
	*wireFullV2
	Groups []wireRef `json:"groups"`
	*wireGuestV1
	*wireGuestV2
}

type (
	wireMeta struct {
		Created  string `json:"created"`
		Location string `json:"location"`
	}
	wireName struct {
		GivenName  string `json:"givenName"`
		FamilyName string `json:"familyName"`
		*wirePrefix
	}
	wirePrefix struct {
		HonorificPrefix *string `json:"honorificPrefix"`
	}
	wireEmail struct {
		Value   string `json:"value"`
		Primary bool   `json:"primary"`
	}
	wireValue struct {
		Value string `json:"value"`
		Type  string `json:"type"`
	}
	wireRef struct {
		Value   string `json:"value"`
		Display string `json:"display"`
	}
	wireFull struct {
		Addresses         []wireAddress `json:"addresses"`
		PhoneNumbers      []wirePhone   `json:"phoneNumbers"`
		UserType          *string       `json:"userType"`
		Roles             []wireRole    `json:"roles"`
		PreferredLanguage *string       `json:"preferredLanguage"`
		Locale            *string       `json:"locale"`
	}
	wireAddress struct {
		StreetAddress *string `json:"streetAddress"`
		Locality      *string `json:"locality"`
		Region        *string `json:"region"`
		PostalCode    *string `json:"postalCode"`
		Country       *string `json:"country"`
	}
	wirePhone struct {
		Value   *string `json:"value"`
		Type    string  `json:"type,omitempty"`
		Primary bool    `json:"primary,omitempty"`
	}
	wireRole struct {
		Value   *string `json:"value"`
		Primary bool    `json:"primary"`
	}
	wireEnterprise struct {
		EmployeeNumber *string `json:"employeeNumber"`
		CostCenter     *string `json:"costCenter"`
		Organization   *string `json:"organization"`
		Division       *string `json:"division"`
		Department     *string `json:"department"`
		Manager        struct {
			ManagerID *string `json:"managerId"`
		} `json:"manager"`
	}
	wireProfile struct {
		StartDate *string `json:"startDate"`
	}
	wireGuest struct {
		Type       string `json:"type"`
		Expiration string `json:"expiration,omitempty"`
	}
	wireFullV1 struct {
		Enterprise wireEnterprise `json:"urn:scim:schemas:extension:enterprise:1.0"`
		Profile    wireProfile    `json:"urn:scim:schemas:extension:slack:profile:1.0"`
	}
	wireFullV2 struct {
		Enterprise wireEnterprise `json:"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"`
		Profile    wireProfile    `json:"urn:ietf:params:scim:schemas:extension:slack:profile:2.0:User"`
	}
	wireGuestV1 struct {
		Guest wireGuest `json:"urn:scim:schemas:extension:slack:guest:1.0"`
	}
	wireGuestV2 struct {
		Guest wireGuest `json:"urn:ietf:params:scim:schemas:extension:slack:guest:2.0:User"`
	}
)

// orNull answers null for an unset value of a profile, as Slack does.
func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// location is Slack's own, whatever address the workspace has here.
func location(version, resource, id string) string {
	return "https://api.slack.com/scim/" + version + "/" + resource + "/" + id
}

// created is in the time of Slack's house.
func created(t time.Time) string { return t.In(pacific).Format("2006-01-02T15:04:05-07:00") }

var pacific = func() *time.Location {
	if l, err := time.LoadLocation("America/Los_Angeles"); err == nil {
		return l
	}
	return time.FixedZone("", -8*60*60) // a machine without time zones
}()

// render writes a member: the full shape with its nulls, or the minimal one.
func (w *Workspace) render(m *Member, version string) *wireUser {
	u := versions[version]
	out := &wireUser{
		Schemas: []string{u.user}, ID: m.ID, Meta: wireMeta{created(m.Created), location(version, "Users", m.ID)},
		UserName: m.UserName, NickName: m.UserName, Name: wireName{GivenName: m.GivenName, FamilyName: m.FamilyName}, Display: m.DisplayName,
		ProfileURL: m.ProfileURL, Title: m.Title, Timezone: m.Timezone, Active: w.active(m),
		Emails: []wireEmail{{m.PrimaryEmail, true}}, Photos: []wireValue{{w.photoOf(m), "photo"}}, Groups: w.groupsOf(m.ID),
	}
	if out.ProfileURL == "" {
		out.ProfileURL = w.host() + "/team/" + m.UserName
	}
	if m.SecondaryEmail != "" {
		out.Emails = append(out.Emails, wireEmail{m.SecondaryEmail, false})
	}
	if m.Full {
		out.full(m, version)
	}
	if m.Guest == MultiChannel {
		guest := wireGuest{string(m.Guest), m.GuestExpires}
		out.Schemas = append(out.Schemas, u.guest)
		if version == "v1" {
			out.wireGuestV1 = &wireGuestV1{guest}
		} else {
			out.wireGuestV2 = &wireGuestV2{guest}
		}
	}
	return out
}

func (out *wireUser) full(m *Member, version string) {
	u, p := versions[version], m.Profile
	value := func(name string) *string { return orNull(p[name]) }
	out.Schemas = append(out.Schemas, u.enterprise, u.profile)
	out.Name.wirePrefix = &wirePrefix{orNull(m.HonorificPrefix)}
	out.wireFull = &wireFull{
		Addresses:    []wireAddress{{value("streetAddress"), value("locality"), value("region"), value("postalCode"), value("country")}},
		PhoneNumbers: []wirePhone{{Value: orNull(m.MobilePhone), Type: "mobile"}, {Value: orNull(m.PrimaryPhone), Primary: true}},
		UserType:     value("userType"), Roles: []wireRole{{value("role"), true}}, PreferredLanguage: value("preferredLanguage"), Locale: value("locale"),
	}
	enterprise := wireEnterprise{
		EmployeeNumber: value("employeeNumber"), CostCenter: value("costCenter"), Organization: value("organization"),
		Division: value("division"), Department: value("department"),
	}
	enterprise.Manager.ManagerID = value("manager")
	profile := wireProfile{value("startDate")}
	if version == "v1" {
		out.wireFullV1 = &wireFullV1{enterprise, profile}
	} else {
		out.wireFullV2 = &wireFullV2{enterprise, profile}
	}
}

// fetching is how long it takes until a photo that was named is shown.
const fetching = 2 * time.Second

// photoOf is an address of Slack's own, never the one that was sent, and for a while the one from before.
func (w *Workspace) photoOf(m *Member) string {
	shown := m.photo.address
	if shown != "" && w.options.Now().Sub(m.photo.named) < fetching {
		shown = m.photo.before
	}
	if shown == "" {
		return "https://secure.gravatar.com/avatar/" + strings.ToLower(m.ID) + ".jpg?s=192"
	}
	return shown
}

func photoAddress(id, source string) string {
	h := fnv.New64a()
	_, _ = h.Write([]byte(source))
	return "https://avatars.slack-edge.com/" + id + "_" + strconv.FormatUint(h.Sum64(), 16) + "_192.png"
}
