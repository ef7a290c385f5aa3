package demo

import (
	"time"

	"github.com/bank-connections/bkper-bot/internal/money"
)

// land is how life looks on the statements of one country. Amounts are in the
// smallest unit of its currency.
type land struct {
	currency money.Currency
	zone     *time.Location // fixed: the bank's calendar has no summer time

	salary   monthly
	bills    []monthly  // paid from the checking account
	subs     []monthly  // on the card
	everyday []merchant // bought with either
	people   []merchant // paid from the checking account
	store    merchant   // sells in instalments
	travel   merchant   // charges in another currency; text takes that amount and the rate
	abroad   string     // that currency
	rate     int64      // smallest units of ours per smallest unit of theirs, in 1/10,000
	comma    bool       // stands before the decimals in texts

	kinds kinds
	words words
}

// kinds is what the country calls the ways of paying.
type kinds struct {
	card, transfer, debit, cash, fee, interest string
}

// words are the bank's own texts.
type words struct {
	toSavings, fromChecking  string // transfer to the savings account, and its other end
	toChecking, fromSavings  string // and back
	cardBill, cardThanks     string // the bill on the checking account, the payment on the card
	fee, interest, deposit   string
	refund, cash, instalment string // the first and the last take the store and the place in the series
	pending                  string // stands before the text of what is pending
}

// merchant is somebody who is paid. A "{n}" in text becomes a store number.
type merchant struct {
	text      string
	name      string
	category  string
	low, high int64
	kind      string // where it is not the card
	tips      bool   // what is booked is more than what was pending
	coffee    bool   // bought twice a day
}

// monthly is a merchant who is paid on, or on the first weekday after, a day of
// the month; the amount varies between low and high.
type monthly struct {
	day int
	merchant
}

func fixed(name string, hours int) *time.Location { return time.FixedZone(name, hours*60*60) }

// The lands.
var lands = map[string]*land{
	"US": {
		currency: "USD", zone: fixed("demo-us", -5),
		kinds: kinds{card: "POS", transfer: "TRANSFER", debit: "ACH", cash: "ATM", fee: "FEE", interest: "INTEREST"},
		words: words{
			toSavings: "TRANSFER TO SAVINGS", fromChecking: "TRANSFER FROM CHECKING",
			toChecking: "TRANSFER TO CHECKING", fromSavings: "TRANSFER FROM SAVINGS",
			cardBill: "CARD PAYMENT THANK YOU", cardThanks: "CARD PAYMENT THANK YOU",
			fee: "MONTHLY SERVICE FEE", interest: "INTEREST PAYMENT", deposit: "ROUND UP DEPOSIT",
			refund: "RETURN %s", cash: "ATM WITHDRAWAL 5TH AVE", instalment: "%s PMT %02d/%02d", pending: "PENDING ",
		},
		salary: monthly{15, merchant{text: "ACME CORP PAYROLL", name: "Acme Corp", category: "Income", low: 548210, high: 548210, kind: "ACH"}},
		bills: []monthly{
			{1, merchant{text: "RENT OAKWOOD PROPERTIES", name: "Oakwood Properties", category: "Rent", low: 185000, high: 185000, kind: "ACH"}},
			{8, merchant{text: "CON EDISON", name: "Con Edison", category: "Utilities", low: 8420, high: 16890, kind: "ACH"}},
			{12, merchant{text: "VERIZON WIRELESS", name: "Verizon", category: "Phone", low: 8499, high: 8499, kind: "ACH"}},
			{26, merchant{text: "BEACON DENTAL PLAN", name: "Beacon Dental", category: "Insurance", low: 4150, high: 4150, kind: "ACH"}},
		},
		subs: []monthly{
			{4, merchant{text: "NETFLIX.COM", name: "Netflix", category: "Entertainment", low: 1549, high: 1549}},
			{9, merchant{text: "SPOTIFY", name: "Spotify", category: "Entertainment", low: 1199, high: 1199}},
			{18, merchant{text: "CLOUDPAPER BACKUP", name: "Cloudpaper", category: "Software", low: 299, high: 299}},
		},
		everyday: []merchant{
			{text: "WHOLE FOODS MARKET #{n}", name: "Whole Foods", category: "Groceries", low: 2210, high: 14480},
			{text: "TRADER JOES #{n}", name: "Trader Joe's", category: "Groceries", low: 1840, high: 9260},
			{text: "STARBUCKS STORE #{n}", name: "Starbucks", category: "Coffee", low: 475, high: 475, coffee: true},
			{text: "BLUE BOTTLE COFFEE", name: "Blue Bottle", category: "Coffee", low: 550, high: 1125, tips: true},
			{text: "UBER TRIP", name: "Uber", category: "Transport", low: 980, high: 4210, tips: true},
			{text: "SHELL OIL {n}", name: "Shell", category: "Fuel", low: 3125, high: 6890},
			{text: "AMAZON MKTPLACE", name: "Amazon", category: "Shopping", low: 899, high: 15999},
			{text: "CVS PHARMACY #{n}", name: "CVS", category: "Health", low: 619, high: 4875},
			{text: "HARVEST TABLE BISTRO", name: "Harvest Table", category: "Restaurants", low: 2890, high: 11240, tips: true},
			{text: "LANTERN STREET CINEMA", name: "Lantern Street", category: "Entertainment", low: 1650, high: 4950},
		},
		people: []merchant{
			{text: "P2P PAYMENT TO J RIVERA", name: "J Rivera", category: "Transfer", low: 1500, high: 12000, kind: "ACH"},
			{text: "P2P PAYMENT TO DOG WALKER KIM", name: "Kim", category: "Transfer", low: 4000, high: 4000, kind: "ACH"},
		},
		store:  merchant{text: "MAPLE & PINE FURNITURE", name: "Maple & Pine", category: "Home", low: 8325, high: 8325},
		travel: merchant{text: "CAFE DU PONT PARIS EUR %s RATE %s", name: "Cafe du Pont", category: "Travel", low: 900, high: 8800},
		abroad: "EUR", rate: 10842,
	},
	"BR": {
		currency: "BRL", zone: fixed("demo-br", -3), comma: true,
		kinds: kinds{card: "Compra no cartão", transfer: "TED", debit: "Débito automático", cash: "Saque", fee: "Tarifa", interest: "Rendimento"},
		words: words{
			toSavings: "TRANSF PARA POUPANCA", fromChecking: "TRANSF DE CONTA CORRENTE",
			toChecking: "TRANSF PARA CONTA CORRENTE", fromSavings: "TRANSF DE POUPANCA",
			cardBill: "PAGTO FATURA CARTAO", cardThanks: "PAGAMENTO RECEBIDO OBRIGADO",
			fee: "TARIFA PACOTE SERVICOS", interest: "RENDIMENTO POUPANCA", deposit: "DEPOSITO COFRINHO",
			refund: "ESTORNO %s", cash: "SAQUE CAIXA ELETRONICO", instalment: "%s PARC %02d/%02d", pending: "AUTORIZADA ",
		},
		salary: monthly{5, merchant{text: "SALARIO ACME BRASIL LTDA", name: "Acme Brasil Ltda", category: "Salário", low: 1285040, high: 1285040, kind: "TED"}},
		bills: []monthly{
			{1, merchant{text: "PIX ENVIADO IMOBILIARIA JARDIM", name: "Imobiliária Jardim", category: "Moradia", low: 280000, high: 280000, kind: "PIX"}},
			{10, merchant{text: "DEB AUT ENERGIA CENTRAL", name: "Energia Central", category: "Contas", low: 14210, high: 33470, kind: "Débito automático"}},
			{12, merchant{text: "DEB AUT TELEFONIA VIVAZ", name: "Vivaz", category: "Contas", low: 8990, high: 8990, kind: "Débito automático"}},
			{15, merchant{text: "CONDOMINIO EDIF AURORA", name: "Edifício Aurora", category: "Moradia", low: 71250, high: 71250, kind: "Boleto"}},
		},
		subs: []monthly{
			{3, merchant{text: "STREAMFLIX BR", name: "Streamflix", category: "Assinaturas", low: 5590, high: 5590}},
			{7, merchant{text: "MUSICA JA ASSINATURA", name: "Música Já", category: "Assinaturas", low: 2190, high: 2190}},
			{21, merchant{text: "ACADEMIA FORTE", name: "Academia Forte", category: "Saúde", low: 12990, high: 12990}},
		},
		everyday: []merchant{
			{text: "MERCADO BOM PRECO LJ {n}", name: "Mercado Bom Preço", category: "Supermercado", low: 4230, high: 38990},
			{text: "PADARIA DA ESQUINA", name: "Padaria da Esquina", category: "Alimentação", low: 850, high: 3200},
			{text: "CAFE SANTO GRAO", name: "Café Santo Grão", category: "Alimentação", low: 990, high: 990, coffee: true},
			{text: "UBIR *VIAGEM", name: "Ubir", category: "Transporte", low: 1190, high: 5680, tips: true},
			{text: "POSTO ESTRELA", name: "Posto Estrela", category: "Combustível", low: 10000, high: 28000},
			{text: "FARMACIA VIDA {n}", name: "Farmácia Vida", category: "Saúde", low: 1590, high: 18740},
			{text: "RESTAURANTE SABOR MINEIRO", name: "Sabor Mineiro", category: "Alimentação", low: 4590, high: 21890, tips: true},
			{text: "LIVRARIA LETRA VIVA", name: "Letra Viva", category: "Lazer", low: 3990, high: 15980},
		},
		people: []merchant{
			{text: "PIX ENVIADO MARIA SILVA", name: "Maria Silva", category: "Transferência", low: 2000, high: 30000, kind: "PIX"},
			{text: "PIX ENVIADO JOAO DIARISTA", name: "João", category: "Casa", low: 18000, high: 18000, kind: "PIX"},
			{text: "PIX ENVIADO FEIRA DO PEDRO", name: "Feira do Pedro", category: "Supermercado", low: 2500, high: 9000, kind: "PIX"},
		},
		store:  merchant{text: "LOJAS MAGNOLIA", name: "Lojas Magnólia", category: "Compras", low: 19990, high: 19990},
		travel: merchant{text: "HOTEL ALFAMA LISBOA EUR %s COTACAO %s", name: "Hotel Alfama", category: "Viagem", low: 4500, high: 21000},
		abroad: "EUR", rate: 62315,
	},
	"DE": {
		currency: "EUR", zone: fixed("demo-de", 1), comma: true,
		kinds: kinds{card: "Kartenzahlung", transfer: "SEPA-Überweisung", debit: "SEPA-Lastschrift", cash: "Bargeldauszahlung", fee: "Entgelt", interest: "Zinsen"},
		words: words{
			toSavings: "Umbuchung auf Sparkonto", fromChecking: "Umbuchung von Girokonto",
			toChecking: "Umbuchung auf Girokonto", fromSavings: "Umbuchung von Sparkonto",
			cardBill: "Kreditkartenabrechnung", cardThanks: "Zahlung dankend erhalten",
			fee: "Kontoführungsentgelt", interest: "Habenzinsen", deposit: "Sparautomatik Aufrundung",
			refund: "Gutschrift %s", cash: "GA NR00012345 BLZ00000000", instalment: "%s Rate %02d/%02d", pending: "Vorgemerkt: ",
		},
		salary: monthly{28, merchant{text: "LOHN/GEHALT Beispiel Werke GmbH", name: "Beispiel Werke GmbH", category: "Gehalt", low: 368455, high: 368455, kind: "SEPA-Überweisung"}},
		bills: []monthly{
			{1, merchant{text: "MIETE WOHNUNG 4B Hausverwaltung Muster", name: "Hausverwaltung Muster", category: "Wohnen", low: 98000, high: 98000, kind: "SEPA-Dauerauftrag"}},
			{5, merchant{text: "Stadtwerke Musterstadt Abschlag Strom", name: "Stadtwerke Musterstadt", category: "Wohnen", low: 7800, high: 7800, kind: "SEPA-Lastschrift"}},
			{14, merchant{text: "Funknetz Nord Rechnung Mobilfunk", name: "Funknetz Nord", category: "Telefon", low: 2999, high: 3614, kind: "SEPA-Lastschrift"}},
			{15, merchant{text: "Beispiel Versicherung AG Haftpflicht", name: "Beispiel Versicherung AG", category: "Versicherung", low: 689, high: 689, kind: "SEPA-Lastschrift"}},
		},
		subs: []monthly{
			{2, merchant{text: "FILMPALAST STREAMING", name: "Filmpalast", category: "Freizeit", low: 1399, high: 1399}},
			{19, merchant{text: "HOERBUCHKLUB MONATSBEITRAG", name: "Hörbuchklub", category: "Freizeit", low: 995, high: 995}},
		},
		everyday: []merchant{
			{text: "MARKTHALLE NORD SAGT DANKE {n}", name: "Markthalle Nord", category: "Lebensmittel", low: 850, high: 9730},
			{text: "Bäckerei Krume", name: "Bäckerei Krume", category: "Lebensmittel", low: 240, high: 1180},
			{text: "KAFFEEBAR AM ECK", name: "Kaffeebar am Eck", category: "Restaurant", low: 320, high: 320, coffee: true},
			{text: "VERKEHRSBETRIEBE EINZELTICKET", name: "Verkehrsbetriebe", category: "Verkehr", low: 350, high: 350},
			{text: "TANKHOF SUED {n}", name: "Tankhof Süd", category: "Verkehr", low: 4200, high: 8990},
			{text: "APOTHEKE ZUM STERN", name: "Apotheke zum Stern", category: "Gesundheit", low: 495, high: 3980},
			{text: "GASTHAUS LINDE", name: "Gasthaus Linde", category: "Restaurant", low: 1680, high: 7450, tips: true},
			{text: "BUCHLADEN SEITENWEISE", name: "Buchladen Seitenweise", category: "Freizeit", low: 1000, high: 4600},
		},
		people: []merchant{
			{text: "Danke für das Essen Lena Schmidt", name: "Lena Schmidt", category: "", low: 1000, high: 6000, kind: "SEPA-Überweisung"},
			{text: "Sportverein Rot-Weiß Beitrag", name: "Sportverein Rot-Weiß", category: "Freizeit", low: 1800, high: 1800, kind: "SEPA-Lastschrift"},
		},
		store:  merchant{text: "MOEBELHAUS EICHE", name: "Möbelhaus Eiche", category: "Einrichtung", low: 4990, high: 4990},
		travel: merchant{text: "BOOKSHOP CAMDEN LONDON GBP %s KURS %s", name: "Bookshop Camden", category: "Reise", low: 900, high: 9500},
		abroad: "GBP", rate: 11694,
	},
	"JP": {
		currency: "JPY", zone: fixed("demo-jp", 9),
		kinds: kinds{card: "カード", transfer: "振込", debit: "口座振替", cash: "ATM", fee: "手数料", interest: "利息"},
		words: words{
			toSavings: "振替 貯蓄預金", fromChecking: "振替 普通預金",
			toChecking: "振替 普通預金 戻し", fromSavings: "振替 貯蓄預金 戻し",
			cardBill: "ﾃﾞﾓｶｰﾄﾞ ｶｲｲﾝｼﾊﾗｲ", cardThanks: "ご入金ありがとうございます",
			fee: "口座維持手数料", interest: "預金利息", deposit: "おつり貯金",
			refund: "返品 %s", cash: "ATM ﾋｷﾀﾞｼ", instalment: "%s 分割 %02d/%02d", pending: "速報 ",
		},
		salary: monthly{25, merchant{text: "給与 ｶ)ﾃﾞﾓｼﾖｳｼﾞ", name: "デモ商事株式会社", category: "給与", low: 342800, high: 342800, kind: "振込"}},
		bills: []monthly{
			{27, merchant{text: "ﾔﾁﾝ ｻｸﾗﾌﾄﾞｳｻﾝ", name: "さくら不動産", category: "住居", low: 98000, high: 98000, kind: "口座振替"}},
			{6, merchant{text: "ﾃﾞﾝｷ ﾋｶﾘﾃﾞﾝﾘﾖｸ", name: "ひかり電力", category: "光熱", low: 5120, high: 12480, kind: "口座振替"}},
			{10, merchant{text: "ｹｲﾀｲ ｿﾗﾓﾊﾞｲﾙ", name: "空モバイル", category: "通信", low: 4378, high: 4378, kind: "口座振替"}},
		},
		subs: []monthly{
			{5, merchant{text: "EIGA STREAM MONTHLY", name: "Eiga Stream", category: "娯楽", low: 1490, high: 1490}},
			{22, merchant{text: "ONGAKU PLUS", name: "Ongaku Plus", category: "娯楽", low: 980, high: 980}},
		},
		everyday: []merchant{
			{text: "コンビニ デモマート {n}号店", name: "デモマート", category: "食費", low: 180, high: 1980},
			{text: "SUPER YAMATO SHIBUYA", name: "Super Yamato", category: "食費", low: 980, high: 8640},
			{text: "星空珈琲 新宿店", name: "星空珈琲", category: "カフェ", low: 480, high: 480, coffee: true},
			{text: "ICカード チャージ", name: "IC", category: "交通", low: 1000, high: 5000},
			{text: "ﾗｰﾒﾝ ｲﾁﾊﾞﾝ", name: "ラーメン一番", category: "外食", low: 850, high: 1450, tips: true},
			{text: "DRUG STORE MIDORI {n}", name: "Midori", category: "医療", low: 398, high: 4280},
			{text: "SHOTEN HONYA", name: "Honya", category: "娯楽", low: 720, high: 3300},
		},
		people: []merchant{
			{text: "ﾌﾘｺﾐ ﾀﾅｶ ﾊﾅｺ", name: "田中 花子", category: "", low: 3000, high: 20000, kind: "振込"},
		},
		store:  merchant{text: "KADEN DENKI", name: "Kaden Denki", category: "家電", low: 9800, high: 9800},
		travel: merchant{text: "SEOUL NOODLE HOUSE USD %s RATE %s", name: "Seoul Noodle House", category: "旅行", low: 900, high: 6400},
		abroad: "USD", rate: 15130, // JPY has no decimals: 1 US cent is 1.513 yen
	},
	"GB": {
		currency: "GBP", zone: fixed("demo-gb", 0),
		kinds: kinds{card: "Card payment", transfer: "Faster Payment", debit: "Direct Debit", cash: "Cash withdrawal", fee: "Fee", interest: "Interest"},
		words: words{
			toSavings: "TO SAVINGS POT", fromChecking: "FROM CURRENT ACCOUNT",
			toChecking: "TO CURRENT ACCOUNT", fromSavings: "FROM SAVINGS POT",
			cardBill: "CREDIT CARD DIRECT DEBIT", cardThanks: "PAYMENT RECEIVED - THANK YOU",
			fee: "ACCOUNT FEE", interest: "GROSS INTEREST", deposit: "SAVE THE PENNIES",
			refund: "REFUND %s", cash: "CASH HIGH STREET", instalment: "%s INSTALMENT %02d/%02d", pending: "PENDING: ",
		},
		salary: monthly{28, merchant{text: "EXAMPLE & SONS LTD SALARY", name: "Example & Sons Ltd", category: "Income", low: 298733, high: 298733, kind: "BACS"}},
		bills: []monthly{
			{1, merchant{text: "RENT TO LOFT LETTINGS", name: "Loft Lettings", category: "Housing", low: 112500, high: 112500, kind: "Standing order"}},
			{3, merchant{text: "COUNCIL TAX BOROUGH OF EXAMPLE", name: "Borough of Example", category: "Tax", low: 16400, high: 16400, kind: "Direct Debit"}},
			{11, merchant{text: "BRIGHTSPARK ENERGY", name: "Brightspark", category: "Utilities", low: 7450, high: 14280, kind: "Direct Debit"}},
		},
		subs: []monthly{{6, merchant{text: "TELLYBOX SUBSCRIPTION", name: "Tellybox", category: "Entertainment", low: 1099, high: 1099}}},
		everyday: []merchant{
			{text: "CORNER GROCER {n}", name: "Corner Grocer", category: "Groceries", low: 320, high: 7840},
			{text: "BEAN & LEAF", name: "Bean & Leaf", category: "Eating out", low: 340, high: 340, coffee: true},
			{text: "CITY TRANSPORT TRAVEL CH", name: "City Transport", category: "Travel", low: 280, high: 890},
			{text: "THE CROWN & ANCHOR", name: "The Crown & Anchor", category: "Eating out", low: 1250, high: 6420, tips: true},
			{text: "HIGH STREET CHEMIST", name: "High Street Chemist", category: "Health", low: 299, high: 2450},
		},
		people: []merchant{{text: "A KHAN FOOTBALL SUBS", name: "A Khan", category: "", low: 600, high: 600, kind: "Faster Payment"}},
		store:  merchant{text: "HEARTH & HOME", name: "Hearth & Home", category: "Home", low: 4150, high: 4150},
		travel: merchant{text: "TAPAS SOL MADRID EUR %s RATE %s", name: "Tapas Sol", category: "Travel", low: 1100, high: 8200},
		abroad: "EUR", rate: 8551,
	},
	"PT": {
		currency: "EUR", zone: fixed("demo-pt", 0), comma: true,
		kinds: kinds{card: "Compra", transfer: "Transferência SEPA", debit: "Débito direto", cash: "Levantamento", fee: "Comissão", interest: "Juros"},
		words: words{
			toSavings: "TRF PARA CONTA POUPANCA", fromChecking: "TRF DE CONTA A ORDEM",
			toChecking: "TRF PARA CONTA A ORDEM", fromSavings: "TRF DE CONTA POUPANCA",
			cardBill: "PAGAMENTO CARTAO CREDITO", cardThanks: "PAGAMENTO RECEBIDO OBRIGADO",
			fee: "COMISSAO MANUTENCAO CONTA", interest: "JUROS CREDORES", deposit: "ARREDONDAMENTO POUPANCA",
			refund: "DEVOLUCAO %s", cash: "LEVANTAMENTO ATM ROSSIO", instalment: "%s PREST %02d/%02d", pending: "CATIVO ",
		},
		salary: monthly{25, merchant{text: "VENCIMENTO EXEMPLO SA", name: "Exemplo SA", category: "Rendimentos", low: 254940, high: 254940, kind: "Transferência SEPA"}},
		bills: []monthly{
			{1, merchant{text: "TRF RENDA CASA D. AMELIA", name: "Amélia Fontes", category: "Casa", low: 75000, high: 75000, kind: "Transferência SEPA"}},
			{9, merchant{text: "DD LUZ DO TEJO", name: "Luz do Tejo", category: "Casa", low: 4210, high: 9130, kind: "Débito direto"}},
		},
		subs: []monthly{{8, merchant{text: "CINE EM CASA", name: "Cine em Casa", category: "Lazer", low: 899, high: 899}}},
		everyday: []merchant{
			{text: "COMPRA MERCEARIA BAIRRO {n}", name: "Mercearia Bairro", category: "Supermercado", low: 420, high: 8850},
			{text: "PASTELARIA NATA FINA", name: "Nata Fina", category: "Restauração", low: 210, high: 210, coffee: true},
			{text: "TASCA DO ZE", name: "Tasca do Zé", category: "Restauração", low: 950, high: 4800, tips: true},
			{text: "METRO VIAGEM", name: "Metro", category: "Transportes", low: 180, high: 1800},
			{text: "FARMACIA CENTRAL", name: "Farmácia Central", category: "Saúde", low: 350, high: 3990},
		},
		people: []merchant{{text: "MBWAY TRF RITA COSTA", name: "Rita Costa", category: "", low: 500, high: 5000, kind: "MB WAY"}},
		store:  merchant{text: "LOJA DO LAR", name: "Loja do Lar", category: "Casa", low: 3333, high: 3333},
		travel: merchant{text: "PUB GREEN DUBLIN GBP %s CAMBIO %s", name: "Pub Green", category: "Viagens", low: 800, high: 6000},
		abroad: "GBP", rate: 11694,
	},
	"MX": {
		currency: "MXN", zone: fixed("demo-mx", -6),
		kinds: kinds{card: "Compra", transfer: "SPEI", debit: "Domiciliación", cash: "Retiro", fee: "Comisión", interest: "Intereses"},
		words: words{
			toSavings: "TRASPASO A AHORRO", fromChecking: "TRASPASO DE CUENTA",
			toChecking: "TRASPASO A CUENTA", fromSavings: "TRASPASO DE AHORRO",
			cardBill: "PAGO TARJETA DE CREDITO", cardThanks: "SU PAGO GRACIAS",
			fee: "COMISION MANEJO DE CUENTA", interest: "INTERESES GANADOS", deposit: "APARTADO AUTOMATICO",
			refund: "DEVOLUCION %s", cash: "RETIRO CAJERO CENTRO", instalment: "%s MSI %02d/%02d", pending: "EN TRANSITO ",
		},
		salary: monthly{15, merchant{text: "NOMINA EJEMPLO SA DE CV", name: "Ejemplo SA de CV", category: "Ingresos", low: 4280000, high: 4280000, kind: "SPEI"}},
		bills: []monthly{
			{1, merchant{text: "SPEI RENTA DEPTO 302", name: "Inmobiliaria Luna", category: "Vivienda", low: 1150000, high: 1150000, kind: "SPEI"}},
			{10, merchant{text: "LUZ Y FUERZA DOMICILIADO", name: "Luz y Fuerza", category: "Servicios", low: 38000, high: 96000, kind: "Domiciliación"}},
		},
		subs: []monthly{{11, merchant{text: "CINE EN CASA MX", name: "Cine en Casa", category: "Ocio", low: 21900, high: 21900}}},
		everyday: []merchant{
			{text: "ABARROTES DON PEPE", name: "Don Pepe", category: "Despensa", low: 4500, high: 98000},
			{text: "CAFE LA PARROQUIA", name: "La Parroquia", category: "Restaurantes", low: 5800, high: 5800, coffee: true},
			{text: "TAQUERIA EL FAROL", name: "El Farol", category: "Restaurantes", low: 9000, high: 42000, tips: true},
			{text: "GASOLINERIA {n}", name: "Gasolinería", category: "Auto", low: 30000, high: 90000},
			{text: "FARMACIA SAN JOSE", name: "San José", category: "Salud", low: 6500, high: 78000},
		},
		people: []merchant{{text: "SPEI ENVIADO ANA LOPEZ", name: "Ana López", category: "", low: 10000, high: 150000, kind: "SPEI"}},
		store:  merchant{text: "MUEBLES EL ROBLE", name: "El Roble", category: "Hogar", low: 89900, high: 89900},
		travel: merchant{text: "DINER ROUTE AUSTIN USD %s TC %s", name: "Diner Route", category: "Viajes", low: 1200, high: 9000},
		abroad: "USD", rate: 184410,
	},
	"KW": {
		currency: "KWD", zone: fixed("demo-kw", 3),
		kinds: kinds{card: "K-POS", transfer: "Transfer", debit: "Standing order", cash: "ATM", fee: "Fee", interest: "Profit"},
		words: words{
			toSavings: "Transfer to savings", fromChecking: "Transfer from current",
			toChecking: "Transfer to current", fromSavings: "Transfer from savings",
			cardBill: "Credit card settlement", cardThanks: "Payment received",
			fee: "Minimum balance fee", interest: "Profit distribution", deposit: "Savings sweep",
			refund: "Refund %s", cash: "ATM withdrawal Salmiya", instalment: "%s instalment %02d/%02d", pending: "HOLD ",
		},
		salary: monthly{25, merchant{text: "SALARY SAMPLE TRADING CO", name: "Sample Trading Co", category: "Income", low: 1450750, high: 1450750, kind: "Transfer"}},
		bills: []monthly{
			{1, merchant{text: "RENT AL-NAKHEEL TOWER", name: "Al-Nakheel Tower", category: "Housing", low: 420000, high: 420000, kind: "Standing order"}},
			{8, merchant{text: "GULFNET FIBRE", name: "Gulfnet", category: "Bills", low: 18500, high: 18500, kind: "Standing order"}},
		},
		subs: []monthly{{13, merchant{text: "SHASHA TV", name: "Shasha TV", category: "Entertainment", low: 3995, high: 3995}}},
		everyday: []merchant{
			{text: "CO-OP MARKET {n}", name: "Co-op Market", category: "Groceries", low: 1125, high: 38475},
			{text: "KARAK CORNER", name: "Karak Corner", category: "Coffee", low: 450, high: 450, coffee: true},
			{text: "SOUQ GRILL", name: "Souq Grill", category: "Restaurants", low: 2750, high: 21605, tips: true},
			{text: "FUEL STATION {n}", name: "Fuel Station", category: "Fuel", low: 3055, high: 9350},
		},
		people: []merchant{{text: "Transfer to F. Al-Sabti", name: "F. Al-Sabti", category: "", low: 10000, high: 75000, kind: "Transfer"}},
		store:  merchant{text: "DAR FURNISHINGS", name: "Dar Furnishings", category: "Home", low: 27355, high: 27355},
		travel: merchant{text: "HOTEL LAC GENEVE EUR %s RATE %s", name: "Hotel du Lac", category: "Travel", low: 5000, high: 26000},
		abroad: "EUR", rate: 33350, // KWD has three decimals: 1 euro cent is 3.335 fils
	},
}
