"""The words that corrections are made of, by what they do in a sentence."""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


ARTICLES = _words('a an the')
QUANTIFIERS = _words(
    'two three four five six both several many few none each every any some more less much '
    'enough second third last nothing something anything everything someone who what word yes no '
    'whatever'
)
DETERMINERS = ARTICLES | _words('this that these those its your his her their my our')
POSSESSIVES = _words('my your his her our their')
THIS = _words('this that it these those they he she')
COPULAS = _words('is are was were')
NEGATIONS = _words('not no never neither nor without')
ADVERBS = _words(
    'actually really clearly obviously certainly definitely surely indeed just simply only '
    'plainly truly still also instead rather now all very quite undoubtedly evidently '
    'literally totally completely absolutely exactly precisely'
)
"""What may stand between "is" and a name without a doubt in it."""

GENERIC = _words(
    'thing things object objects one ones item items segment segments region regions '
    'detection detections instance instances selection entity entities stuff something '
    'anything everything nothing it target body nobody'
)
"""Nouns that stand for whatever has been segmented."""
LABEL_NOUNS = _words('label labels name names category categories class classes tag tags title')
LABEL_WORDS = LABEL_NOUNS | _words(
    'labelled labeled labelling labeling mislabelled mislabeled named naming misnamed called '
    'call calling classified classify classification misclassified misclassification '
    'misidentified categorized categorised tagged mistagged rename relabel relabeled '
    'relabelled caption'
)
NAMED = _words(
    'called named labelled labeled tagged classified categorized categorised identified '
    'renamed relabelled relabeled reclassified'
)
MASK_NOUNS = _words(
    'mask masks segmentation segmentations outline outlines contour contours boundary '
    'boundaries border borders edge edges shape silhouette pixel pixels polygon result '
    'results prediction masking rim fit'
)
PARTS = _words(
    'part parts piece pieces half halves rest remainder front back rear top bottom side sides '
    'left right middle centre center end ends inside outside corner section portion bit bits '
    'quarter tip fragment fragments area areas fraction majority lot'
)
LEFTOVERS = _words(
    'background foreground shadow shadows reflection reflections rest surplus excess extra '
    'surroundings remainder pixels pixel blob blobs speck specks noise'
)
"""What is cut from a mask."""

BLAME = _words(
    'wrong incorrect bad incomplete false same different other another similar better worse '
    'best worst poor terrible awful horrible stupid ridiculous whole entire complete partial '
    'such next previous good nice great perfect correct proper true actual accurate '
    'silly inaccurate imprecise sloppy right'
)
"""Adjectives that judge or compare: with one of them no category is stated."""
NO_CATEGORY = _words(
    'bit little lot mistake error mess problem issue shame joke case way point question test '
    'duplicate double copy pity disaster nightmare catastrophe guess idea suggestion try '
    'attempt matter fact surprise start beginning waste fail failure success miss hit bug '
    'glitch lie yes no must pleasure help relief day quits thanks nonsense rubbish crap '
    'improvement opposite answer first second third last trick hack mixture mix mismatch '
    'combination word noun plural synonym kind sort type example reason difference change '
    'correction request command priority while time moment place spot position location '
    'direction picture image photo frame scene detection positive alarm hallucination '
    'artifact artefact ghost phantom nothing something anything everything someone somebody '
    'who what whatever mine yours same hole gap chance view job work go fine ok okay fun '
    'size need two three four five six both several many few none each every any some more '
    'less much enough call fault blunder misunderstanding confusion typo wreck fiasco dud '
    'disgrace scandal farce travesty mockery insult embarrassment bummer letdown nuisance '
    'puzzle mystery riddle challenge match fit approximation estimate choice decision '
    'interpretation description explanation observation judgement judgment outcome output '
    'response reply proposal option alternative solution compromise definition version '
    'statement claim assumption opinion hint clue sign-off tendency habit custom standard '
    'norm delight honour honor blessing curse torture scream story deal thought feeling truth '
    'theory trend rumor rumour tradition principle opportunity situation condition tragedy '
    'comedy drama stretch no-brainer plus bonus downside upside feature limitation concern '
    'worry consideration secret lesson compliment complaint objection note remark keeper '
    'winner loser dream hoax scam fraud detail coincidence draw pass breeze snap pain '
    'fake default rule exception consequence result effect cause limit minimum maximum'
)
"""Nouns that are no category of an object, and words that stand for nouns."""
RANKS = _words(
    'leftmost rightmost topmost bottommost uppermost largest biggest smallest nearest '
    'closest farthest furthest tallest other second third first last whole entire complete '
    'remaining missing left right two three four five several some many more another few '
    'additional'
)
"""What tells things of one category apart."""
NOT_A_NAME_ALONE = _words(
    'larger bigger wider taller longer broader greater smaller tighter narrower thinner '
    'shorter slimmer better worse clearer simpler higher lower cleaner closer finer sharper '
    'smoother easier rougher nicer stricter darker brighter older newer younger later sooner '
    'earlier further farther big large small tiny huge tight narrow wide long short high low '
    'specific general generic precise vague visible hidden invisible gone shown bold plain '
    'empty blank singular lowercase uppercase english german french unique consistent easy '
    'hard clear obvious sharp smooth rough possible impossible available absent present '
    'important ready done well ill dead alive useless useful horrible off false true valid '
    'invalid unclear ambiguous misleading missing lacking fitting matching included include '
    'cover hold keep match fit reflect describe say read be have get go make show stop red '
    'green blue yellow black white grey gray brown orange purple pink silver beige dark light '
    'bright'
)
"""Words that name nothing when no article stands before them."""
NOUNS_TOO = _words('light orange cover stop show match well silver')
"""Of these, what is a noun behind another one: "traffic light"."""
NO_FIRST_WORDS = _words(
    'say read match fit reflect describe show include cover hold keep be have get go make '
    'mention use write indicate mean express state contain help fix correct account respect '
    'give become ein eine einen einem der die das den dem un une le la les el los las una uno '
    'il lo een det et'
)
"""Verbs, and articles of other languages: what they begin is no name."""
MASS_NOUNS = _words(
    'grass sky water snow sand road pavement sidewalk asphalt vegetation foliage terrain soil '
    'mud gravel dirt concrete wood ice fog smoke rain clouds earth ground scenery traffic '
    'furniture clothing food fruit bread rice cheese meat hair skin glass metal plastic paper '
    'fabric leather carpet marble brick hay straw moss ivy fire steam foam rubble debris '
    'luggage fencing scaffolding graffiti greenery shrubbery undergrowth jungle forest sea '
    'ocean'
)
COMMON_NOUNS = _words(
    'person pedestrian man woman child boy girl baby cyclist rider driver worker car van bus '
    'truck lorry tram train taxi ambulance motorcycle motorbike scooter moped bicycle bike '
    'trailer tractor caravan boat ship airplane aeroplane plane helicopter bird cat dog horse '
    'sheep cow goat pig elephant bear zebra giraffe wolf fox deer tree bush plant flower '
    'building house wall fence pole bridge tunnel bench chair table sofa couch bed door '
    'window lamp bottle cup bowl ball umbrella bag backpack suitcase kite book clock vase '
    'laptop phone keyboard toilet sink oven fridge skateboard surfboard snowboard wheelchair '
    'stroller pram excavator crane forklift bulldozer mailbox hydrant billboard curb kerb '
    'minivan pickup rickshaw skyscraper'
)
"""Nouns that surely name something where somebody leaves the article out."""
COMMON_PAIRS = frozenset({'traffic light', 'traffic sign', 'stop sign', 'street light'})
PLURALS = _words(
    'people men women children cattle geese mice fish deer feet teeth oxen wolves leaves sheep'
)
NO_PLURALS = _words('is was this its us bus gas always perhaps less across yes')
CONTAINERS = _words(
    'pile stack heap bunch group row rows bottle glass cup bowl box bag pair slice herd flock '
    'roll bale crowd cluster sack basket crate chest can jar tin plate bucket bundle coat line '
    'statue'
)
"""Nouns that name with "of" and another noun."""
NOUNS_IN_ING = _words(
    'building ceiling railing crossing clothing marking painting awning bedding parking '
    'lightning string ring king wing swing fencing sibling duckling wedding seedling '
    'scaffolding siding paving roofing housing lining pudding icing dressing stuffing drawing '
    'carving landing opening tubing wiring plumbing lighting thing spring earring flooring '
    'decking bling sling hamburger being dumpling sapling'
)
NOUNS_IN_ED = _words(
    'bed shed sled moped seaweed flatbed weed reed seed quadruped sunbed biped speed feed '
    'breed thoroughbred watershed infrared'
)
NOUNS_IN_LY = _words('butterfly dragonfly fly lily family trolly bully jelly belly assembly gully')

STOPS = ARTICLES | _words(
    'i you he she we they me him us them it this that these those who which what where when '
    'why how is are was were be been am do does did has have had should must will would could '
    'may might shall needs need in on at to by near next beside beneath behind before between '
    'under above below with without of from for into onto over across along around against '
    'after until during through within inside outside toward towards underneath alongside off '
    'up down out than as and or but nor not no if because so while since though although like '
    'too also again here there now instead actually then please only anyway really maybe '
    'perhaps probably either already yet exactly properly correctly better entirely '
    'completely more most less once today always never just still obviously clearly '
    'definitely covers includes contains misses lacks goes spills reaches extends looks seems '
    'leaks bleeds gets makes include overlaps exceeds ends ok okay thanks sorry mate guys lol '
    'dude sir everywhere somewhere wrong wrongly'
)
"""Words that no noun phrase goes on with."""
OPEN_ENDS = _words(
    'and or nor than like as up down out off is are was were be has do does if of can'
)
"""Stops after which it is open what the words before them name."""

OPENERS = _words(
    'yes yeah yep ok okay well hey hi hello rose robot computer sorry please pls um uh er erm '
    'hmm hm oh ah nope nah nay sure wait listen so now then also and but because as rather '
    'instead simply again kindly dude guys mate sir come on man ooh oops alas look dear '
    'thanks thank hopefully just'
) | (ADVERBS - _words('all'))
REPORTING = _words(
    'think thinks thought say says said saying believe believes sure if whether what when how '
    'where which who why doubt pretend claim claims assume suppose unless maybe perhaps '
    'probably possibly that as than like while although though until before after else know '
    'and or every not do does did is are was can could would will should may might must only '
    'even you we about of with for in on at from by to under behind near because way chance '
    'possibility likely unlikely impossible idea clue supposed'
)
"""After one of these, "this is ..." is no sentence of its own."""
CLAUSE_VERBS = _words(
    'make call rename relabel delete remove erase add segment include change set fix correct '
    'label mark look try take cut drop get extend shrink expand exclude name give put redo '
    'refine discard keep'
)
CLAUSE_STARTERS = (
    THIS | CLAUSE_VERBS | _words('i you there please not is should do has needs its his no')
)
"""Words that begin a clause behind "and"."""

GROUPS: dict[str, frozenset[str]] = {
    'article': ARTICLES,
    'this': THIS,
    'is': COPULAS,
    'adverb': ADVERBS,
    'pro': _words('it this that them these those'),
    'det': DETERMINERS - _words('a an'),
    'noun': _words(
        'one ones object objects segment segments thing things region regions detection '
        'detections instance instances selection annotation'
    ),
    'junk': _words('entry item blob duplicate artifact artefact garbage junk nonsense mess'),
    'unwanted': _words(
        'false wrong bad selected chosen useless bogus fake empty unwanted marked '
        'highlighted current duplicate extra spurious double second'
    ),
    'record': _words('list results output map segmentation annotations detections record'),
    'real': _words('real actual valid proper'),
    'merely': _words('another some just only also clear obvious typical pure mere complete'),
    'outline': _words('mask masks segment segmentation outline selection'),
    'classify': _words(
        'label tag mark classify reclassify relabel re-label retag categorize categorise'
    ),
    'change': _words('change set correct update switch fix edit turn modify replace put rewrite'),
    'missing': _words(
        'missing overlooked forgotten missed unsegmented ignored lacking skipped '
        'undetected unmarked absent'
    ),
    'mark': _words('segment annotate mask mark outline'),
    'thing': GENERIC,
    'anything': GENERIC - {'nothing', 'it', 'nobody', 'body', 'target'},
    'label': LABEL_NOUNS,
    'named': NAMED,
    'mask': MASK_NOUNS,
    'part': PARTS,
    'leftover': LEFTOVERS,
    'right': _words('right correct true real proper actual better appropriate accurate'),
    'think': _words('think believe guess know mean say said bet reckon suppose'),
    'place': _words(
        'here there anywhere around visible now really actually left see segment find'
    ),
    'picture': _words(
        'image picture photo frame scene place spot region area view video shot camera box'
    ),
    'delete': _words(
        'delete remove erase discard drop eliminate dismiss scrap ditch kill nuke purge trash bin '
        'wipe del rm undetect deselect'
    ),
    'deleted': _words(
        'deleted removed erased discarded dropped eliminated dismissed scrapped gone purged'
    ),
    'deleting': _words('deleting removing erasing discarding dropping deletion removal'),
    'false': _words(
        'false ghost phantom spurious bogus fake nonexistent non-existent imaginary hallucinated '
        'invented erroneous'
    ),
    'found': _words(
        'positive positives detection detections alarm segment object instance hit find'
    ),
    'phantom': _words(
        'hallucination artifact artefact ghost phantom glitch noise figment mirage artifacts'
    ),
    'unreal': _words(
        'spurious bogus imaginary hallucinated fake nonexistent non-existent invented unreal '
        'phantom'
    ),
    'miss': _words('missed forgot forgotten overlooked skipped ignored omitted'),
    'segmented': _words(
        'segmented detected found marked missed forgotten overlooked skipped included annotated '
        'ignored recognised recognized captured masked outlined'
    ),
    'large': _words(
        'large big wide tall long broad generous loose high great far much fat greedy'
    ),
    'small': _words('small tight narrow short little thin low tiny slim strict'),
    'larger': _words('larger bigger wider taller longer broader greater fuller fatter further'),
    'smaller': _words('smaller tighter narrower thinner shorter slimmer leaner'),
    'hold': _words('cover include contain hold capture reach fill get have comprise enclose'),
    'holds': _words('covers includes contains holds captures takes swallows grabs encloses'),
    'whole': _words('whole entire complete full total'),
}
