package learn

import "strings"

// conceptWords are words of merchants and of accounts, in several languages,
// by what they are about. A word that ends in * stands for all that begin so.
// They tell a shop that nobody has met from its like, and an account from its
// name, before there is any lesson.
var conceptWords = map[string]string{
	"groceries": `
		grocer* supermark* supermerc* mercado mercearia mercadinho hypermark* foods food butcher* acougue
		tesco sainsbury* asda morrison* waitrose lidl aldi iceland spar costcutter nisa coop somerfield
		walmart kroger safeway costco wholefoods trader publix wegmans heb meijer
		rewe edeka netto penny kaufland migros carrefour auchan leclerc intermarche monoprix mercadona
		dia extra assai atacadao hortifruti lebensmittel* alimenta* comestibles epicerie alimentari esselunga
		conad woolworths coles albert jumbo bakery bakehouse padaria panificadora backerei boulangerie panaderia`,
	"meals": `
		restaur* ristorante cafe caffe coffee kaffee pizza* pizzer* burger* grill* diner bistro* brasserie kitchen
		bar pub tavern* inn sushi ramen noodle* taco* bbq steak* churrasc* lanchonete lanches sandwich* subway
		mcdonald* starbucks costa nero greggs pret kfc nando* domino* wendy* chipotle dunkin panera
		ifood deliveroo doordash grubhub seamless ubereats lieferando justeat rappi
		meal* catering lunch dinner breakfast hospitality refei* bewirtung* gaststatte restauracao dining
		verpflegung repas comida* cantina`,
	"fuel": `
		fuel petrol* gasoline gasolin* diesel shell esso texaco exxon* chevron mobil jet aral totalenergies bp
		repsol cepsa agip posto postos combust* petrobras ipiranga tankstelle tanken kraftstoff* benzin carburant*
		essence filling garage service-station autoposto`,
	"car": `
		vehicle* motor* auto car cars tyre* tire tires kwik halfords garage mot mechanic oficina kfz fahrzeug*
		veicul* vehicul* automo* carwash autozone werkstatt`,
	"parking": `park* parking ncp parkplatz parkhaus estaciona* pedagio toll tolls maut peage garagem`,
	"transport": `
		taxi* cab cabs uber lyft bolt cabify rail* train* bus buses coach* tram metro tube tfl oyster clipper
		transport* travel* bahn sncf renfe trenitalia amtrak caltrain greyhound fahrkarte* fahrtkost*
		zug onibus passage* passagem* fahrten stagecoach arriva lul ground locomocao`,
	"flights": `
		air airline* airways aero* ryanair easyjet lufthansa eurowings gol latam tam azul united delta jetblue
		southwest emirates qantas flight* flug* voo voos vuelo* vol expedia opodo ebookers tickets`,
	"lodging": `
		hotel* hostel* inn motel airbnb booking travelodge premier hilton marriott ibis holiday lodge lodging
		hosped* pousada alojamiento hebergement unterkunft* ubernachtung* accommodation* resort reise* viage*
		viagem voyage*`,
	"telephone": `
		phone* telephone* telefon* telecom* telekom mobile vodafone ee orange verizon sprint vivo claro tim oi
		telefonica telstra optus twilio telefone* celular bt talktalk giffgaff fon phon comunica*`,
	"internet": `internet broadband wifi comcast xfinity virgin hosting host domain* server* namecheap godaddy
		digitalocean heroku linode aws rackspace cloudflare ovh hetzner ionos strato dominio* netz dns cloud`,
	"software": `
		software app apps adobe microsoft msft google apple itunes github gitlab dropbox slack zoom atlassian
		jetbrains zapier mailchimp intuit quickbooks xero subscription* abo licen* lizenz* assinatura* suscrip*
		saas notion figma openai stripe evernote computer* edv informatica`,
	"media": `netflix spotify hulu disney youtube audible newspaper* zeitung* jornal* news magazine* times
		guardian kindle deezer paramount periodic* revista* presse publica*`,
	"books": `book* libro* livro* livraria librer* buch* waterstones blackwell* livre* library foyles thalia
		hugendubel scholastic`,
	"office": `
		office stationer* staples viking ryman papelaria papeterie paper papier* burobedarf buromaterial escritorio
		kalunga print* printing toner ink supplies wilko* wilkinson bureau material* officeworks cartridge*`,
	"post": `post* postage royal usps ups fedex dhl hermes dpd gls correios shipping courier* parcel* versand*
		porto envio* sedex freight* mailing stamps`,
	"hardware": `
		hardware diy tool* screwfix toolstation wickes homebase homedepot depot lowe* bauhaus obi hornbach toom
		leroy merlin travis jewson plumb* elect* build* construc* material bricol* ferreteria ferramenta*
		baumarkt ironmonger* timber werkzeug* repair* repar* maintenance manuten* wartung instandhaltung`,
	"electronics": `electronic* electron* currys pcworld argos maplin bestbuy mediamarkt saturn fnac radioshack
		newegg dell lenovo hp logitech sparkfun adafruit digikey equip* gerate hardware`,
	"furniture": `furnitur* ikea mobel* moveis muebles meuble* dunelm wayfair mobiliar`,
	"clothing": `cloth* fashion apparel shoe* schuh* sapat* uniform* kleidung bekleidung roupa* vetement* zara primark
		next hm matalan tkmaxx nike adidas uniqlo gap renner ropa tshirt* shirt*`,
	"health": `pharm* farmac* drogar* apotheke* doctor* dr medic* clinic* hospital dental dentist* arzt* zahnarzt
		optic* boots superdrug walgreens cvs rossmann saude health* gesund* sante salud drogerie physio*`,
	"education": `school* college univers* course* kurs* curso* training* tuition educa* escola* schule* academy
		learn* teach* seminar* conference* exam* fortbildung* nursery kita formation colegio workshop*`,
	"insurance": `insur* versich* seguro* assur* allianz axa aviva geico zurich admiral`,
	"tax": `tax* taxes hmrc irs finanzamt steuer* imposto* prefeitura* receita darf das iptu ipva impots impuesto*
		council dvla govt gov government tribut* gebuhren licence* registration`,
	"bankfee": `fee fees charge* tarifa* gebuhr* entgelt* iof anuidade kontofuhrung* frais comision* bank* commission*
		wise bankgebuhren`,
	"interest": `interest zins* juros intere* dividend* rendimento* invest* yield`,
	"energy": `energ* electric* eletric* strom* gas stadtwerke power utility utilities npower edf eon enel cpfl
		cemig light luz sabesp water wasser agua* eau heating heizung british`,
	"rent": `rent rental* miete* mieten aluguel aluguer alquiler* loyer* lease leasing imobiliaria* immobil* condomin*
		letting* landlord locacao locadora property hausverwaltung`,
	"advertising": `advert* marketing facebook facebk linkedin twitter werbung anzeige* propaganda divulga* publici*
		adwords ads campaign*`,
	"salary":    `salar* payroll wages wage gehalt* lohn* folha paychex gusto nomina personal* paie remunera* staff`,
	"donations": `donat* charit* spende* doac* don dons gift gifts gofundme justgiving fundrais* geschenk* presente*`,
	"leisure": `cinema theat* museum* zoo leisure entertain* game* sport* gym fitness club park parks swim* pool
		concert kino kultur* lazer academia event* freizeit odeon cineworld bowling activit* outing* attraction*
		smartfit mcfit loisir*`,
	"toys":     `toy* craft* hobby* art arts baker spielzeug* brinqued* early smyths lego hobbycraft jouet* play*`,
	"garden":   `garden* plant* flor* gartner* garten* jardin* jardim nurseries blumen seeds landscap*`,
	"cleaning": `clean* laundr* reinig* limpeza lavanderia limpieza hygiene janitor* wasch* waste rubbish nettoyage`,
	"consulting": `consult* legal law lawyer* solicitor* attorney* account* steuerberat* beratung* advog* contab* notar*
		kanzlei professional contract* freelanc* assessor* pesquisa* abogad* honorar*`,
	"cash":    `cash atm bargeld* saque dinheiro withdrawal geldautomat* cashpoint efectivo retrait`,
	"pets":    `pet pets vet veterin* tierarzt* pet-shop petz cobasi petco zooplus`,
	"beauty":  `hair* beauty salon* cosmet* kosmet* friseur* barber* cabelereiro* cabeleireiro* spa peluquer* coiff*`,
	"refund":  `refund* erstattung* reembols* cashback estorno ruckzahlung rembours*`,
	"sales":   `sale sales umsatz* erlos* vendas venta* ventes invoice* rechnung* einnahme* revenue* receita* faturamento`,
	"loan":    `loan* mortgage* kredit* darlehen* emprestimo* financiamento* hipoteca* pret credito`,
	"savings": `saving* spar* poupanca aplicacao tagesgeld depot ahorro* epargne`,
}

// lexicon finds concepts by whole words and by beginnings.
type lexicon struct{ words, beginnings map[string][]string }

var concepts = newLexicon(conceptWords)

func newLexicon(table map[string]string) lexicon {
	l := lexicon{map[string][]string{}, map[string][]string{}}
	for concept, list := range table {
		for _, word := range strings.Fields(list) {
			if beginning, cut := strings.CutSuffix(word, "*"); cut {
				l.beginnings[beginning] = append(l.beginnings[beginning], concept)
			} else {
				l.words[word] = append(l.words[word], concept)
			}
		}
	}
	return l
}

const minBeginning = 3

// of returns the concepts of some words, each once.
func (l lexicon) of(words []string) []string {
	var found []string
	add := func(concepts []string) {
		for _, c := range concepts {
			known := false
			for _, f := range found {
				known = known || f == c
			}
			if !known {
				found = append(found, c)
			}
		}
	}
	for _, word := range words {
		add(l.words[word])
		for n := minBeginning; n <= len(word); n++ {
			add(l.beginnings[word[:n]])
		}
	}
	return found
}
