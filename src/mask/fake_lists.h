/*
 * fake_lists.h
 *		What fake values are put together from: common names, invented places.
 */
#ifndef LH_MASK_FAKE_LISTS_H
#define LH_MASK_FAKE_LISTS_H

static const char *const first_names[] = {
	"Ada", "Agnes", "Aino", "Alan", "Albert", "Alice", "Amara", "Amir", "Ana", "Andre", "Anika", "Anton", "Arthur",
	"Astrid", "Aylin", "Bao", "Beatriz", "Ben", "Bianca", "Boris", "Bruno", "Camila", "Carl", "Carmen", "Cecilia",
	"Chloe", "Clara", "Conrad", "Dana", "Daniel", "Daria", "David", "Deniz", "Diego", "Dora", "Edgar", "Edith", "Elena",
	"Elias", "Elsa", "Emil", "Emma", "Erik", "Esther", "Eva", "Fatima", "Felix", "Fiona", "Flora", "Frank", "Freya",
	"Gabriel", "Georg", "Gloria", "Grace", "Greta", "Gustav", "Hana", "Hannah", "Harald", "Hector", "Helena", "Henry",
	"Hugo", "Ida", "Igor", "Ines", "Ingrid", "Irene", "Isaac", "Ivan", "Jakob", "Jana", "Jasmin", "Javier", "Joan",
	"Johan", "Jonas", "Josef", "Julia", "Kai", "Karin", "Karl", "Katja", "Kenji", "Kira", "Klara", "Lars", "Laura",
	"Lea", "Leila", "Leo", "Lena", "Linus", "Lucia", "Luis", "Magnus", "Maja", "Malik", "Marco", "Maria", "Marie",
	"Markus", "Marta", "Mateo", "Max", "Mia", "Milan", "Mina", "Mira", "Moritz", "Nadia", "Naomi", "Nele", "Nina",
	"Noah", "Nora", "Olga", "Oscar", "Otto", "Pablo", "Paul", "Paula", "Pedro", "Petra", "Rafael", "Rania", "Rita",
	"Robert", "Rosa", "Ruth", "Samir", "Sara", "Simon", "Sofia", "Stella", "Sven", "Tara", "Thea", "Theo", "Thomas",
	"Tim", "Tomas", "Uma", "Vera", "Victor", "Viola", "Walter", "Wanda", "Yara", "Yuki", "Zoe"};

static const char *const last_names[] = {
	"Abbott", "Adler", "Alvarez", "Andersen", "Arnold", "Bach", "Baker", "Barnes", "Bauer", "Becker", "Bennett", "Berg",
	"Bishop", "Blanco", "Bond", "Bosch", "Brandt", "Brooks", "Brown", "Calvo", "Carlsen", "Carter", "Castro", "Chapman",
	"Chen", "Clarke", "Cole", "Conti", "Cooper", "Costa", "Cruz", "Dahl", "Dean", "Delgado", "Diaz", "Dietrich", "Dubois",
	"Duran", "Ebert", "Ellis", "Engel", "Evans", "Farkas", "Fischer", "Fleming", "Flores", "Foster", "Fox", "Frank",
	"Fuchs", "Garcia", "Gibson", "Gomez", "Grant", "Gray", "Greco", "Haas", "Hall", "Hansen", "Hartmann", "Hayes",
	"Heller", "Hill", "Hoffmann", "Holm", "Horn", "Huber", "Hunt", "Iversen", "Jansen", "Jensen", "Jones", "Jung", "Kaiser",
	"Kaya", "Keller", "Kelly", "Kim", "King", "Klein", "Koch", "Kowalski", "Kraus", "Kruse", "Lang", "Larsen", "Lee",
	"Lehmann", "Leroy", "Lewis", "Lind", "Lopez", "Lorenz", "Ludwig", "Lund", "Maier", "Marino", "Marsh", "Martin",
	"Mason", "Meyer", "Miller", "Moreau", "Moreno", "Morgan", "Moser", "Nagy", "Nash", "Neumann", "Nielsen", "Novak",
	"Olsen", "Ortega", "Otto", "Palmer", "Park", "Perez", "Peters", "Pohl", "Porter", "Prinz", "Ramos", "Reed", "Reyes",
	"Richter", "Rios", "Robin", "Romero", "Roth", "Rossi", "Russo", "Sanders", "Sato", "Schmidt", "Schneider",
	"Schreiber", "Seidel", "Silva", "Simon", "Singh", "Sommer", "Stein", "Stone", "Suarez", "Tanaka", "Taylor", "Torres",
	"Turner", "Vargas", "Vega", "Vogel", "Wagner", "Walker", "Weber", "Weiss", "Winter", "Wolf", "Wood", "Young",
	"Zimmermann"};

static const char *const city_stems[] = {
	"Alder", "Ash", "Amber", "Bay", "Beech", "Birch", "Bram", "Briar", "Bright", "Cedar", "Clear", "Cold", "Copper",
	"Crow", "Dale", "Deer", "Down", "Eagle", "East", "Elder", "Elm", "Fair", "Falcon", "Fern", "Fox", "Glen", "Gold", "Green",
	"Grey", "Harrow", "Hawk", "Hazel", "Heather", "High", "Holly", "Iron", "Ivy", "King", "Lake", "Lark", "Linden", "Long",
	"Maple", "Marble", "Mill", "Moor", "Moss", "New", "North", "Oak", "Old", "Otter", "Pebble", "Pine", "Quarry", "Raven",
	"Red", "Rose", "Rush", "Salt", "Sand", "Silver", "South", "Spring", "Stone", "Storm", "Summer", "Swan", "Thorn", "Wester",
	"White", "Willow", "Wind", "Winter"};

static const char *const city_ends[] = {"bridge", "brook", "burg", "bury", "by", "combe", "dale", "field", "ford", "gate",
										"grove", "ham", "haven", "holm", "hurst", "ley", "market", "mere", "minster", "mouth",
										"port", "ridge", "side", "stead", "thorpe", "ton", "vale", "view", "ville", "wick",
										"wood", "worth"};

static const char *const company_fields[] = {
	"Analytics", "Brewing", "Capital", "Catering", "Chemicals", "Components", "Consulting", "Design", "Electric", "Energy",
	"Engineering", "Farms", "Films", "Foods", "Freight", "Furniture", "Gardens", "Glass", "Health", "Holdings", "Hotels",
	"Instruments", "Insurance", "Labs", "Logistics", "Machines", "Materials", "Media", "Metals", "Mills", "Mining", "Motors",
	"Music", "Optics", "Paper", "Partners", "Press", "Printing", "Robotics", "Security", "Shipping", "Software", "Solar",
	"Studios", "Supplies", "Systems", "Textiles", "Timber", "Tools", "Travel"};

static const char *const company_forms[] = {"AB", "AG", "Co.", "GmbH", "Group", "Inc.", "LLC", "Ltd.", "SA", "SE"};

static const char *const street_ends[] = {"Street", "Road", "Lane", "Avenue", "Way", "Court", "Close", "Square", "Drive",
										  "Terrace"};

#endif
