package command

// A Page is what help says of one command.
type Page struct {
	Name      string
	Arguments string
	Summary   string // one line
	Text      string // "" or whole lines
}

// Pages returns what help says of proxy.cgi, up to its list of commands, and of
// each of them. The man page is made from it.
func Pages() (intro string, pages []Page) {
	for _, c := range commands() {
		pages = append(pages, Page{c.name, c.arguments, c.summary, c.text})
	}
	return about, pages
}
