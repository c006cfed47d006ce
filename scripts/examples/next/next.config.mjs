// Install: npm ci && npm run build
// Edit: START_DIR in .htcgiproxy, which goes beside proxy.cgi; in a folder of
// the site basePath: "/folder", without CGIPROXY_STRIP_PREFIX.
export default {
  basePath: "",
};
