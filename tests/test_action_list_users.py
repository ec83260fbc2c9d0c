"""hipchat.list_users: who there is."""


def test_lists_the_people_of_the_group(act, start_hipchat):
    config = {"api_url": start_hipchat("--user", "Anna", "--user", "Berta").url}
    succeeded, result = act("list_users", config=config)
    names = ["Sandbox Owner", "Anna", "Berta"]
    assert succeeded and [user["name"] for user in result["users"]] == names
    assert len(act("list_users", config=config, limit=2)[1]["users"]) == 2
    assert act("list_users", config=config, expand=True)[1]["users"][1]["email"] == (
        "anna@example.com")


def test_goes_from_page_to_page_up_to_the_limit(act, start_hipchat):
    people = (word for number in range(1500) for word in ("--user", f"Person {number}"))
    server = start_hipchat(*people)
    server.people.forget()
    config = {"api_url": server.url}
    users = act("list_users", config=config, limit=1200)[1]["users"]
    assert [user["name"] for user in users[1:]] == [
        f"Person {number}" for number in range(1199)]
    assert len(server.people.requests()) == 2
    assert len(act("list_users", config=config, limit=10000)[1]["users"]) == 1501
