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
    Name("Sungmin", "성민", "he"),
    Name("Jimin", "지민", "she"),
    Name("Yuna", "유나", "she"),
    Name("Seoyeon", "서연", "she"),
    Name("Sujin", "수진", "she"),
    Name("Eunji", "은지", "she"),
    Name("Sora", "소라", "she"),
)

PEOPLE = (
    *nouns("분", "person", "teacher 선생님 adult tall worker elder"),
    *nouns(
        "명",
        "person",
        """
        student 학생 pupil tall worker
        doctor 의사 adult fame worker
        reporter 기자 adult worker
        chef 요리사 adult fame worker
        police_officer 경찰관 adult tall worker
        firefighter 소방관 adult tall worker
        singer 가수 adult tall fame worker
        painter 화가 adult fame worker
        actor 배우 adult tall fame worker
        writer 작가 adult fame worker
        lawyer 변호사 adult fame worker
        engineer 기술자 adult worker builder
        scientist 과학자 adult fame worker
        farmer 농부 adult seller builder worker
        clerk 점원 adult seller worker
        man 남자 adult tall he builder
        woman 여자 adult tall she
        boy 소년 tall he
        girl 소녀 tall she
        child 아이 pupil cute
        """,
    ),
)

RELATIVES = nouns(
    "명",
    "person kin",
    """
    friend 친구
    neighbor 이웃
    cousin 사촌
    younger_brother 남동생 he
    younger_sister 여동생 she
    """,
)

ANIMALS = nouns(
    "마리",
    "animal sized",
    """
    dog 개 pet dog hunter cute white black
    cat 고양이 pet hunter cute white black
    rabbit 토끼 pet cute white
    bird 새 wild cute blue
    monkey 원숭이 zoo grazer cute
    elephant 코끼리 zoo grazer
    """,
)

FOOD = (
    *nouns(
        "개",
        "food tasty priced",
        """
        apple 사과 grocery red sized wash animal_fruit
        banana 바나나 grocery animal_fruit
        strawberry 딸기 grocery red sized wash grow
        tomato 토마토 grocery red sized wash grow
        potato 감자 grocery sized wash grow cook
        egg 계란 grocery sized cook
        sandwich 샌드위치 sized make bakery
        cookie 쿠키 sized bake bakery
        """,
    ),
    *nouns(
        "",
        "food mass tasty priced",
        """
        bread 빵 bake bakery warm
        cake 케이크 bake bakery
        meat 고기 cook grocery animal_meat
        fish 생선 cook grocery animal_meat
        chocolate 초콜릿 grocery
        ice_cream 아이스크림 cool_food
        soup 수프 make hot warm
        """,
    ),
    *nouns("", "meal mass", "breakfast 아침\nlunch 점심\ndinner 저녁"),
    *nouns(
        "잔",
        "drink mass cold",
        """
        water 물 animal_drink
        milk 우유 grocery priced animal_drink
        juice 주스 grocery priced tasty
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
        book 책 small gift sized col heavy dull hard
        novel 소설 dull long write liked famous_thing
        """,
    ),
    *nouns("통", "read write send important", "letter 편지 long small\nemail 이메일 long"),
    *nouns("편", "read write", "poem 시 long beautiful hard liked\nreport 보고서 long important dull hard finish"),
    *nouns("", "read aged small", "newspaper 신문"),
)

CLOTHES = (
    *nouns(
        "벌",
        "cloth goods priced col aged clean",
        """
        shirt 셔츠 sized worn
        coat 외투 warm heavy long sized worn warm_cloth
        sweater 스웨터 warm pretty sized worn warm_cloth
        """,
    ),
    *nouns("개", "hat goods priced col aged clean pretty sized", "hat 모자"),
    *nouns("켤레", "pair goods priced col aged clean", "shoes 신발 foot sized pretty"),
)

VEHICLES = nouns(
    "대",
    "vehicle",
    """
    bus 버스 road transit clean
    taxi 택시 road transit clean
    train 기차 transit clean long
    plane 비행기 transit sized
    bicycle 자전거 fix ridden priced col own aged sized
    car 자동차 road fix priced col own aged sized
    """,
)

THINGS = (
    *nouns(
        "개",
        "goods priced aged sized",
        """
        bag 가방 col heavy pretty lost open container gift
        wallet 지갑 col lost gift clean small
        ball 공 col throw small
        doll 인형 pretty cute make_toy gift small
        cup 컵 col pretty wash clean small
        box 상자 heavy open container col
        chair 의자 heavy seat make_toy fix clean col surface
        """,
    ),
    *nouns("개", "sized wash clean small picked", "bottle 병"),
    *nouns("대", "goods priced aged fix tool sized", "computer 컴퓨터 heavy\ncamera 카메라 lost small"),
    *nouns("대", "goods priced aged tool lost small sized", "phone 휴대폰"),
    *nouns("대", "aged instrument priced sized", "piano 피아노 heavy\nguitar 기타"),
    *nouns("개", "aged small sized", "key 열쇠 lost picked"),
    *nouns("개", "aged heavy sized clean", "table 탁자 surface\ndesk 책상 surface\nbed 침대 surface"),
    *nouns("", "small aged", "pen 펜 picked priced col\npencil 연필 picked long col"),
    *nouns("장", "small aged", "photo 사진 pretty show send photo\nmap 지도 show tool lost"),
    *nouns("장", "small ticket lost priced", "ticket 표"),
    *nouns("", "opened clean sized", "door 문 col heavy\nwindow 창문"),
    *nouns("송이", "flower grow gift draw", "flower 꽃 red white beautiful"),
    *nouns("그루", "tree", "tree 나무 sized beautiful draw"),
    *nouns("개", "picked", "coin 동전 aged sized"),
    *nouns("개", "giving small priced sized pretty", "gift 선물"),
    *nouns("점", "show beautiful aged famous_thing sized", "painting 그림"),
)

MEDIA = (
    *nouns("편", "watch movie dull sad long famous_thing good talked liked", "movie 영화"),
    *nouns("곡", "song listen sad beautiful famous_thing aged", "song 노래"),
    *nouns("", "mass listen beautiful calm talked music", "music 음악"),
    *nouns("대", "listen aged fix", "radio 라디오"),
    *nouns("", "mass television", "television 텔레비전"),
    *nouns("", "watch dull", "game 경기 match important\nconcert 공연 concert talked"),
)

TOPICS = (
    *nouns("", "mass study", "Korean 한국어\nEnglish 영어\nhistory 역사 talked\nmath 수학"),
    *nouns("", "mass sport", "soccer 축구 play talked\nbaseball 야구 play talked\ntennis 테니스 hit"),
    *nouns("", "hard important", "problem 문제 solve talked\nquestion 질문 answer"),
    *nouns("", "known long hard", "name 이름"),
    *nouns("", "known", "answer 답\nway 길 way"),
    *nouns("", "mass finish", "homework 숙제 hard"),
    *nouns("", "prepare", "meeting 회의 important long talked finish"),
)

BUILDINGS = (
    *nouns(
        "",
        "building aged sized",
        "house 집 beautiful draw\nhospital 병원\nlibrary 도서관",
    ),
    *nouns("", "cleanable clean", "room 방 sized\nkitchen 부엌\noffice 사무실"),
)

NOUNS = (
    *PEOPLE, *RELATIVES, *ANIMALS, *FOOD, *READING, *CLOTHES, *VEHICLES, *THINGS, *MEDIA, *TOPICS, *BUILDINGS,
)  # fmt: skip


SELDOM = frozenset(["tree", "picked", "known", "prepare", "building"])
"""Tags of nouns that few verbs take."""


@cache
def tagged(tags: str) -> tuple[Noun, ...]:
    """Every noun that has at least one of the tags, in the order of the lists."""
    wanted = frozenset(tags.split())
    return tuple(noun for noun in NOUNS if noun.tags & wanted)
