// Install: npm ci && npm run build, on your own machine. The app is then
// .next/standalone, with what it needs of node_modules: that goes to the host.
// Edit: START_DIR in .htcgiproxy, which goes beside proxy.cgi; in a folder of
// the site basePath: "/folder", without CGIPROXY_STRIP_PREFIX.
export default {
  basePath: "",
  output: "standalone",
  // What next/image needs is 19 MB, and of the system it was installed on.
  outputFileTracingExcludes: { "*": ["node_modules/@img/**", "node_modules/sharp/**"] },
};
