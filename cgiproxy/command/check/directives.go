package check

import (
	"slices"
	"strings"

	"proxy.cgi/cgiproxy/settings"
)

// A line that Apache does not know, or that .htaccess may not have, is a 500 for
// the whole folder. Which lines a host forbids besides (AllowOverride) only its
// log tells.

// allowed are the directives that "apache2 -L" of 2.4 allows in .htaccess, with all of
// its modules, those of other modules and of LiteSpeed, and sections.
const allowed = ` acceptpathinfo action addalt addaltbyencoding addaltbytype addcharset adddefaultcharset adddescription addencoding addhandler addicon
 addiconbyencoding addiconbytype addinputfilter addlanguage addoutputfilter addoutputfilterbytype addtype aliaspreservepath allow anonymous
 anonymous_logemail anonymous_mustgiveemail anonymous_nouserid anonymous_verifyemail authbasicauthoritative authbasicfake authbasicprovider
 authbasicusedigestalgorithm authdbmgroupfile authdbmtype authdbmuserfile authdigestalgorithm authdigestdomain authdigestnccheck
 authdigestnoncelifetime authdigestprovider authdigestqop authformauthoritative authformbody authformdisablenostore authformfakebasicauth
 authformlocation authformloginrequiredlocation authformloginsuccesslocation authformlogoutlocation authformmethod authformmimetype authformpassword
 authformprovider authformsitepassphrase authformusername authgroupfile authldapauthorizeprefix authldapbindauthoritative authldapbinddn
 authldapbindpassword authldapcompareasuser authldapcomparednonserver authldapdereferencealiases authldapgroupattribute authldapgroupattributeisdn
 authldapinitialbindasuser authldapinitialbindpattern authldapmaxsubgroupdepth authldapremoteuserattribute authldapremoteuserisdn authldapsearchasuser
 authldapsubgroupattribute authldapsubgroupclass authldapurl authmerging authname authncacheprovidefor authncachetimeout authnzfcgicheckauthnprovider
 authtype authuserfile authzdbmtype authzsendforbiddenonfailure browsermatch browsermatchnocase cachedisable cgimapextension cgipassauth cgivar
 charsetdefault charsetoptions charsetsourceenc checkbasenamematch checkcaseonly checkspelling contentdigest cookiedomain cookieexpires cookiehttponly
 cookiename cookiesamesite cookiesecure cookiestyle cookietracking defaulticon defaultlanguage defaulttype deflateinflatelimitrequestbody
 deflateinflateratioburst deflateinflateratiolimit deny directorycheckhandler directoryindex directoryindexredirect directoryslash enablemmap
 enablesendfile error errordocument expiresactive expiresbytype expiresdefault fallbackresource fancyindexing fastcgiaccesschecker
 fastcgiaccesscheckerauthoritative fastcgiauthenticator fastcgiauthenticatorauthoritative fastcgiauthorizer fastcgiauthorizerauthoritative
 fcgidaccesschecker fcgidaccesscheckerauthoritative fcgidauthenticator fcgidauthenticatorauthoritative fcgidauthorizer fcgidauthorizerauthoritative
 fcgidwrapper fcgiwrapper fileetag filterchain filterdeclare filterprotocol filterprovider forcelanguagepriority forcetype h2copyfiles h2earlyhint
 h2proxyrequests h2push h2pushresource h2upgrade header headername imapbase imapdefault imapmenu indexheadinsert indexignore indexignorereset
 indexoptions indexorderdefault indexstylesheet isapiappendlogtoerrors languagepriority ldapreferralhoplimit ldapreferrals ldaptrustedclientcert
 limitrequestbody limitxmlrequestbody logiotrackttfb lua_____bytecodehack luacodecache luahookaccesschecker luahookauthchecker luahookcheckuserid
 luahookfixups luahookinsertfilter luahooklog luahookmaptostorage luahookpretranslatename luahooktranslatename luahooktypechecker luainherit
 luainputfilter luamaphandler luaoutputfilter luapackagecpath luapackagepath luaquickhandler luaroot luascope macro macroignorebadnesting
 macroignoreemptyargs mdrequirehttps metadir metafiles metasuffix modsecruleengine multiviewsmatch options order passengerappenv passengerapplogfile
 passengerapproot passengerapptype passengerbaseuri passengerenabled passengerfriendlyerrorpages passengernodejs passengerpython passengerrestartdir
 passengerruby passengerstartupfile passenv php_admin_flag php_admin_value php_flag php_value proxyexpressdbmfile proxyexpressdbmtype
 proxyexpressenable proxyfcgibackendtype proxyfcgisetenvif proxyhcexpr proxyhctemplate qualifyredirecturl readmename redirect redirectmatch
 redirectpermanent redirectrelative redirecttemp reflectorheader removecharset removeencoding removehandler removeinputfilter removelanguage
 removeoutputfilter removetype requestheader require rewritebase rewritecond rewriteengine rewriteoptions rewriterule rlimitcpu rlimitmem rlimitnproc
 satisfy scriptinterpretersource secfilterengine secfilterscanpost secruleengine seeothers serversignature session sessioncookiename sessioncookiename2
 sessioncookieremove sessioncryptocipher sessioncryptopassphrase sessiondbdcookiename sessiondbdcookiename2 sessiondbdcookieremove
 sessiondbddeletelabel sessiondbdinsertlabel sessiondbdperuser sessiondbdselectlabel sessiondbdupdatelabel sessionenv sessionexclude
 sessionexpiryupdateinterval sessionheader sessioninclude sessionmaxage setenv setenvif setenvifexpr setenvifnocase sethandler setinputfilter
 setoutputfilter ssierrormsg ssietag ssilastmodified ssilegacyexprparser ssitimeformat ssiundefinedecho sslcacertificatefile sslcacertificatepath
 sslciphersuite ssllog sslloglevel ssloptions sslrenegbuffersize sslrequire sslrequiressl sslusername sslverifyclient sslverifydepth substitute
 substituteinheritbefore substitutemaxlinelength suphp_configpath undefmacro unsetenv use xbithack xml2encdefault xml2startparse xsendfile
 if elseif else ifdefine ifmodule ifversion ifdirective iffile ifsection files filesmatch limit limitexcept requireall requireany requirenone litespeed cachelookup cacheenable `

// forbidden are some that people put there and that are for the server alone.
const forbidden = ` allowencodedslashes allowoverride alias aliasmatch customlog directory directorymatch documentroot errorlog fcgidiotimeout fcgidmaxrequestlen
 fcgidbusytimeout fcgidoutputbuffersize listen loadmodule location locationmatch loglevel proxy proxypass proxypassreverse proxyrequests
 proxypreservehost proxytimeout rewritelog rewriteloglevel rewritemap scriptalias scriptaliasmatch servername serveralias serveradmin sslengine
 sslcertificatefile sslcertificatekeyfile sslproxyengine suexecusergroup virtualhost limitrequestline limitrequestfields protocols allowmethods
 authdbduserpwquery brotlicompressionquality bufferedlogs deflatecompressionlevel ssiendtag ssistarttag timeout usecanonicalname `

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
