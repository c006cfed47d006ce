package check

import (
	"slices"
	"strings"

	"proxy.cgi/cgiproxy/settings"
)

// A line that Apache does not know, or that .htaccess may not have, is a 500 for
// the whole folder. Which lines a host forbids besides (AllowOverride) only its
// log tells.

// allowed are the directives whose context has .htaccess in the documentation of
// Apache 2.4, those of PHP, and sections.
const allowed = ` acceptpathinfo action adddefaultcharset addalt addaltbyencoding addaltbytype addcharset adddescription addencoding
 addhandler addicon addiconbyencoding addiconbytype addinputfilter addlanguage addoutputfilter addoutputfilterbytype addtype
 allow allowmethods anonymous anonymous_logemail anonymous_mustgiveemail anonymous_nouserid anonymous_verifyemail
 authbasicauthoritative authbasicfake authbasicprovider authbasicusedigestalgorithm authdbduserpwquery authdbmgroupfile
 authdbmtype authdbmuserfile authdigestalgorithm authdigestdomain authdigestprovider authformprovider authgroupfile
 authldapurl authldapbinddn authldapbindpassword authmerging authname authtype authuserfile authzdbmtype authzsendforbiddenonfailure
 browsermatch browsermatchnocase brotlicompressionquality bufferedlogs cachedisable cgimapextension cgipassauth cgivar charsetdefault charsetoptions charsetsourceenc
 checkcaseonly checkspelling contentdigest cookiedomain cookieexpires cookiehttponly cookiename cookiesamesite cookiesecure cookiestyle cookietracking
 defaulticon defaultlanguage defaulttype deflatecompressionlevel deny directoryindex directoryindexredirect directoryslash enablemmap enablesendfile
 errordocument expiresactive expiresbytype expiresdefault fallbackresource fcgidaccesschecker fcgidaccesscheckerauthoritative fcgidauthenticator
 fcgidauthenticatorauthoritative fcgidauthorizer fcgidauthorizerauthoritative fcgidwrapper fileetag filterchain filterdeclare filterprotocol
 filterprovider forcelanguagepriority forcetype h2pushresource header headername imapbase imapdefault imapmenu indexheadinsert indexignore
 indexignorereset indexoptions indexorderdefault indexstylesheet isapiappendlogtoerrors languagepriority ldapreferrals limitrequestbody
 limitxmlrequestbody logiotrackttfb luainherit metadir metafiles metasuffix modsecruleengine multiviewsmatch options order passenv
 passengerenabled passengerappenv passengerapproot passengerbaseuri passengernodejs passengerpython passengerruby passengerapptype passengerstartupfile passengerapplogfile passengerfriendlyerrorpages passengerrestartdir
 php_admin_flag php_admin_value php_flag php_value qualifyredirecturl readmename redirect redirectmatch redirectpermanent redirecttemp
 removecharset removeencoding removehandler removeinputfilter removelanguage removeoutputfilter removetype requestheader require
 rewritebase rewritecond rewriteengine rewriteoptions rewriterule rlimitcpu rlimitmem rlimitnproc satisfy scriptinterpretersource
 secfilterengine secfilterscanpost secruleengine seeothers sessionenv serversignature session sessioncookiename sessionexclude sessionheader sessioninclude sessionmaxage
 setenv setenvif setenvifexpr setenvifnocase sethandler setinputfilter setoutputfilter ssiendtag ssietag ssilastmodified ssilegacyexprparser ssistarttag
 ssitimeformat ssiundefinedecho sslciphersuite ssloptions sslrenegbuffersize sslrequire sslrequiressl sslusername sslverifyclient sslverifydepth
 substitute substituteinheritbefore substitutemaxlinelength suphp_configpath timeout unsetenv use usecanonicalname xbithack xsendfile
 if elseif else ifdefine ifmodule ifversion ifdirective iffile ifsection files filesmatch limit limitexcept requireall requireany requirenone litespeed cachelookup cacheenable `

// forbidden are some that people put there and that are for the server alone.
const forbidden = ` allowencodedslashes allowoverride alias aliasmatch customlog directory directorymatch documentroot errorlog
 fcgidiotimeout fcgidmaxrequestlen fcgidbusytimeout fcgidoutputbuffersize listen loadmodule location locationmatch loglevel proxy proxypass
 proxypassreverse proxyrequests proxypreservehost proxytimeout rewritelog rewriteloglevel rewritemap scriptalias scriptaliasmatch servername serveralias serveradmin
 sslengine sslcertificatefile sslcertificatekeyfile sslproxyengine suexecusergroup virtualhost limitrequestline limitrequestfields h2push protocols `

func everywhere() cause {
	return cause{"500-everywhere", "take the line out, or write what the comment in htaccess.example says"}
}

func checkLines(s *site) (all []Finding) {
	for _, h := range s.rules {
		all = append(all, h.badLines()...)
	}
	if all == nil && !s.own().isMissing() {
		return fine("the lines of .htaccess are those that Apache knows")
	}
	return all
}

// badLines returns the first of the lines that Apache may not know.
func (h *rulesFile) badLines() (all []Finding) {
	if h.isMarked {
		all = cause{"500-everywhere", "save it as UTF-8 without one"}.fault("%s begins with a byte order mark, which Apache takes for a line that it does not know: every page is 500", h.path)
	}
	for _, text := range h.unclosed[:min(len(h.unclosed), mostLines)] {
		all = append(all, everywhere().fault("%s: %s", h.path, text)...)
	}
	for _, d := range h.directives {
		switch {
		case len(all) >= mostLines:
			return all
		case strings.Contains(allowed, " "+d.name+" ") || strings.Contains(allowed, " "+d.name+"\n"):
		case strings.Contains(forbidden, " "+d.name+" ") || strings.Contains(forbidden, " "+d.name+"\n"):
			all = append(all, everywhere().fault("%s: %.100s is not allowed in a .htaccess: every page is 500", d.place(), d.name)...)
		case d.in("ifmodule") || d.in("ifdefine") || d.in("ifversion") || d.in("ifdirective"):
		default:
			all = append(all, everywhere().warning("%s: %.100s may be a line that the host does not know%s: then every page is 500", d.place(), d.name, nearestDirective(d.name))...)
		}
	}
	return all
}

// nearestDirective suggests what an unknown name may stand for.
func nearestDirective(name string) string {
	if len(name) > 100 { // longer than any by far, and each byte would be compared
		return ""
	}
	near := slices.MinFunc(strings.Fields(allowed), func(a, b string) int {
		return settings.EditDistance(name, a) - settings.EditDistance(name, b)
	})
	if settings.EditDistance(name, near) > 2 {
		return ""
	}
	return " (did you mean " + near + "?)"
}
