"""Nouns and names.

Each list names the Korean counter, the tags its nouns share, and one noun per line with tags of
its own. Tags are explained in `lexicon`; "mass" nouns have no plural and take no a/an.
"""

from functools import cache

from lexicon import Name, Noun, nouns

NAMES = (
    Name("Minsu", "민수", "he"),
    Name("Junho", "준호", "he"),
    Name("Hyunwoo", "현우", "he"),
    Name("Donghyun", "동현", "he"),
    Name("Jaemin", "재민", "he"),
    Name("Taeho", "태호", "he"),
    Name("Sungmin", "성민", "he"),
    Name("Jimin", "지민", "she"),
    Name("Yuna", "유나", "she"),
    Name("Seoyeon", "서연", "she"),
    Name("Sujin", "수진", "she"),
    Name("Eunji", "은지", "she"),
    Name("Yejin", "예진", "she"),
    Name("Sora", "소라", "she"),
)

PEOPLE = nouns(
    "명",
    "person",
    """
    student 학생 pupil tall worker
    teacher 교사 adult tall worker
    doctor 의사 adult fame worker
    nurse 간호사 adult worker
    reporter 기자 adult worker
    chef 요리사 adult fame worker
    police_officer 경찰관 adult tall brave worker
    firefighter 소방관 adult tall brave worker
    soldier 군인 adult tall brave worker
    singer 가수 adult tall fame worker
    painter 화가 adult fame worker
    actor 배우 adult tall fame worker
    writer 작가 adult fame worker
    lawyer 변호사 adult fame worker
    engineer 기술자 adult worker builder
    scientist 과학자 adult fame worker
    farmer 농부 adult seller builder worker
    baker 제빵사 adult seller worker
    clerk 점원 adult seller worker
    tourist 관광객 adult
    man 남자 adult tall he builder
    woman 여자 adult tall she
    boy 소년 tall he
    girl 소녀 tall she
    child 아이 pupil cute
    """,
)

RELATIVES = nouns(
    "명",
    "person kin",
    """
    friend 친구
    neighbor 이웃
    cousin 사촌
    nephew 조카 he
    younger_brother 남동생 he
    younger_sister 여동생 she
    """,
)

ANIMALS = nouns(
    "마리",
    "animal sized",
    """
    dog 개 pet dog cute white black
    cat 고양이 pet cute white black chased
    rabbit 토끼 pet cute white chased
    puppy 강아지 pet dog cute white black
    bird 새 cute blue flyer
    duck 오리 farm cute flyer
    horse 말 farm white black ridden
    cow 소 farm
    monkey 원숭이 zoo cute
    bear 곰 zoo
    elephant 코끼리 zoo
    """,
)

FOOD = (
    *nouns(
        "개",
        "food tasty priced",
        """
        apple 사과 grocery fresh red sized sweet wash cut
        orange 오렌지 grocery fresh sized sweet wash cut
        banana 바나나 grocery fresh yellow sweet cut animal_food
        strawberry 딸기 grocery fresh red sized sweet wash grow
        tomato 토마토 grocery fresh red sized wash cut grow
        potato 감자 grocery fresh sized wash cut grow cook
        egg 계란 grocery fresh sized cook
        sandwich 샌드위치 sized cut make bakery
        cookie 쿠키 sized sweet bake bakery
        """,
    ),
    *nouns(
        "",
        "food mass tasty priced",
        """
        bread 빵 bake fresh cut bakery warm
        cake 케이크 bake sweet cut bakery
        meat 고기 cook fresh cut grocery animal_food
        fish 생선 cook fresh cut grocery animal_food
        cheese 치즈 fresh cut grocery
        chocolate 초콜릿 sweet grocery
        ice_cream 아이스크림 sweet cool_food
        soup 수프 make hot warm
        salad 샐러드 make fresh
        """,
    ),
    *nouns("", "meal mass", "breakfast 아침\nlunch 점심\ndinner 저녁"),
    *nouns(
        "잔",
        "drink mass cold",
        """
        water 물 pour animal_drink
        milk 우유 pour fresh grocery priced animal_drink
        juice 주스 pour fresh sweet grocery priced tasty
        coffee 커피 cup hot tasty
        tea 차 cup hot tasty
        """,
    ),
)

READING = (
    *nouns(
        "권",
        "read aged borrow bookshop good",
        """
        book 책 small gift sized col heavy dull hard thick useful
        novel 소설 dull long thick write liked famous_thing
        magazine 잡지 dull thick
        """,
    ),
    *nouns("통", "read write send important", "letter 편지 long small\nemail 이메일 long"),
    *nouns(
        "편", "read write", "poem 시 long beautiful hard liked\nreport 보고서 long important dull hard finish prepare"
    ),
    *nouns("", "read aged small", "newspaper 신문"),
)

CLOTHES = (
    *nouns(
        "벌",
        "cloth goods priced col aged clean",
        """
        shirt 셔츠 sized thin worn
        coat 외투 warm heavy long sized worn warm_cloth
        sweater 스웨터 warm pretty sized thick worn warm_cloth
        skirt 치마 pretty long gift
        dress 드레스 pretty long gift
        """,
    ),
    *nouns("개", "hat goods priced col aged clean pretty sized", "hat 모자"),
    *nouns("켤레", "pair goods priced col aged clean", "shoes 신발 foot sized pretty\nsocks 양말 foot warm thick"),
    *nouns("켤레", "pair goods priced col aged clean", "gloves 장갑 hand warm thick"),
)

VEHICLES = nouns(
    "대",
    "vehicle",
    """
    bus 버스 road transit clean
    taxi 택시 road transit clean
    train 기차 transit clean long
    subway 지하철 transit
    plane 비행기 transit sized
    bicycle 자전거 fix ridden priced col own aged sized
    car 자동차 road fix priced col own aged sized
    truck 트럭 road fix aged sized
    """,
)

THINGS = (
    *nouns(
        "개",
        "goods priced aged sized",
        """
        bag 가방 col heavy pretty lost carry open container gift
        umbrella 우산 col lost
        wallet 지갑 col lost gift clean small
        ring 반지 pretty lost gift small
        ball 공 col throw small
        doll 인형 pretty cute make_toy gift small
        toy 장난감 make_toy gift small
        cup 컵 col pretty wash clean small vessel
        clock 시계 fix gift small
        basket 바구니 heavy carry container
        box 상자 heavy carry open container col
        chair 의자 heavy carry seat make_toy fix clean col surface
        """,
    ),
    *nouns("개", "sized wash clean small vessel picked", "bottle 병"),
    *nouns("대", "goods priced aged fix tool sized useful", "computer 컴퓨터 heavy\ncamera 카메라 lost small"),
    *nouns("대", "goods priced aged tool lost small sized useful", "phone 휴대폰"),
    *nouns("대", "aged instrument priced sized", "piano 피아노 heavy\nguitar 기타"),
    *nouns("개", "aged small sized", "key 열쇠 lost picked\nknife 칼 tool wash clean"),
    *nouns("개", "aged heavy sized clean", "table 탁자 carry surface\ndesk 책상 carry surface\nbed 침대 lying"),
    *nouns("", "small aged", "pen 펜 picked priced col\npencil 연필 picked long col tool"),
    *nouns("장", "small aged", "photo 사진 pretty show send photo\nmap 지도 useful show tool lost"),
    *nouns("장", "small ticket lost priced", "ticket 표"),
    *nouns("", "opened clean sized", "door 문 col heavy\nwindow 창문"),
    *nouns("송이", "flower grow gift draw", "flower 꽃 red yellow white beautiful"),
    *nouns("그루", "tree", "tree 나무 sized beautiful draw"),
    *nouns("개", "picked", "coin 동전 aged sized\nleaf 나뭇잎 red yellow pretty\nstone 돌 sized pretty white black"),
    *nouns("개", "giving small priced sized pretty", "gift 선물"),
    *nouns("점", "show beautiful aged famous_thing sized", "painting 그림"),
)

MEDIA = (
    *nouns("편", "watch movie dull sad long famous_thing good talked liked", "movie 영화"),
    *nouns("곡", "song listen sad beautiful famous_thing aged memory", "song 노래"),
    *nouns("", "mass listen beautiful calm talked music", "music 음악"),
    *nouns("대", "listen device aged fix", "radio 라디오"),
    *nouns("", "mass television", "television 텔레비전"),
    *nouns("", "watch dull", "game 경기 match important\nconcert 공연 concert talked"),
)

TOPICS = (
    *nouns("", "mass study", "Korean 한국어\nEnglish 영어\nhistory 역사 talked\nmath 수학\nscience 과학 talked"),
    *nouns(
        "", "mass sport", "soccer 축구 play talked\nbaseball 야구 play talked\nbasketball 농구 play\ntennis 테니스 hit"
    ),
    *nouns("", "hard important", "problem 문제 solve explained talked\nquestion 질문 answer"),
    *nouns("", "important", "plan 계획 explained talked\npromise 약속 memory forgot"),
    *nouns("", "memory", "story 이야기 dull sad long\nname 이름 known forgot"),
    *nouns("", "known", "answer 답\nway 길 way forgot"),
    *nouns("", "mass finish", "homework 숙제 hard"),
    *nouns("", "prepare", "meeting 회의 important long talked\nparty 파티 talked\ntrip 여행 long talked"),
)

BUILDINGS = (
    *nouns(
        "",
        "building aged sized",
        "house 집 beautiful draw\nbridge 다리 long draw\nhotel 호텔\nhospital 병원\nlibrary 도서관",
    ),
    *nouns("", "cleanable clean", "room 방 sized\nkitchen 부엌\nclassroom 교실\noffice 사무실"),
)

NOUNS = (
    *PEOPLE, *RELATIVES, *ANIMALS, *FOOD, *READING, *CLOTHES, *VEHICLES, *THINGS, *MEDIA, *TOPICS, *BUILDINGS,
)  # fmt: skip


SELDOM = frozenset(["tree", "picked", "forgot", "memory", "prepare", "building", "known"])
"""Tags of nouns that few verbs take."""


@cache
def tagged(tags: str) -> tuple[Noun, ...]:
    """Every noun that has at least one of the tags, in the order of the lists."""
    wanted = frozenset(tags.split())
    return tuple(noun for noun in NOUNS if noun.tags & wanted)
