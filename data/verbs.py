"""Verbs."""

from korean import Stem
from lexicon import Verb, rows, stem

NEGATIVES = {"know": Stem("모르", "르"), "have": Stem("없", adjective=True)}
"""Verbs that Korean negates with another word instead of 지 않다."""

JOINING = frozenset(["go", "come", "sit"])
"""Verbs whose following action takes place there."""


def _verbs(text: str) -> dict[str, Verb]:
    """Read the list of verbs; a sense after ":" tells apart one English verb's Korean verbs."""
    found = {}
    for english, (ko, *_) in rows(text):
        words = english.partition(":")[0]
        first = words.split()[0]
        found[english] = Verb(words, stem(ko), NEGATIVES.get(first), first in JOINING)
    return found


VERBS = _verbs(
    """
    eat 먹다
    drink 마시다
    read 읽다
    write 쓰다
    buy 사다
    sell 팔다
    make 만들다
    watch 보다
    listen_to 듣다/ㄷ
    study 공부하다
    teach 가르치다
    learn 배우다
    meet 만나다
    help 돕다/ㅂ
    wait_for 기다리다
    look_for 찾다
    give 주다
    send 보내다
    show 보여_주다
    borrow 빌리다
    open 열다
    close 닫다
    clean 청소하다
    cook 요리하다
    bake 굽다/ㅂ
    draw 그리다
    sing 부르다/르
    play:instrument 치다
    play:sport 하다
    play:tennis 치다
    ride 타다
    take:transit 타다
    take:photo 찍다
    drive 운전하다
    fix 고치다
    build 짓다/ㅅ
    plant 심다
    raise 기르다/르
    like 좋아하다
    love 사랑하다
    know 알다
    wear:cloth 입다
    wear:hat 쓰다
    wear:foot 신다
    put:on 놓다
    put:in 넣다
    choose 고르다/르
    ask 묻다/ㄷ
    answer 대답하다
    solve 풀다
    finish 끝내다
    pick_up 줍다/ㅂ
    visit 방문하다
    call 전화하다
    talk_with 이야기하다
    walk 걷다/ㄷ
    run 달리다
    sleep 자다
    rest 쉬다
    work 일하다
    swim 수영하다
    laugh 웃다
    cry 울다
    go 가다
    come 오다
    arrive 도착하다
    live 살다
    sit_on 앉다
    bark 짖다
    have 있다
    """
)
