"""A Flask application over SQLAlchemy and sqlite, after a thousand requests by its test client."""

from __future__ import annotations

import sys
import typing

import flask
import sqlalchemy
from sqlalchemy import orm

REQUESTS = 1000


class Base(orm.DeclarativeBase):
    """What is in the database."""


class Author(Base):
    __tablename__ = "authors"
    id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    name: orm.Mapped[str] = orm.mapped_column(sqlalchemy.String(50), unique=True)
    posts: orm.Mapped[typing.List[Post]] = orm.relationship(back_populates="author")


class Post(Base):
    __tablename__ = "posts"
    id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    title: orm.Mapped[str]
    body: orm.Mapped[str]
    author_id: orm.Mapped[int] = orm.mapped_column(sqlalchemy.ForeignKey("authors.id"))
    author: orm.Mapped[Author] = orm.relationship(back_populates="posts")


app = flask.Flask(__name__)
engine = sqlalchemy.create_engine(
    "sqlite://",
    poolclass=sqlalchemy.pool.StaticPool,
    connect_args={"check_same_thread": False},
)
Session = orm.scoped_session(orm.sessionmaker(engine))
PAGE = """<h1>{{ author.name }}</h1>
{% for post in author.posts %}<h2>{{ post.title }}</h2><p>{{ post.body|truncate(40) }}</p>
{% else %}none{% endfor %}"""


@app.teardown_appcontext
def forget(_error: BaseException | None) -> None:
    Session.remove()


@app.get("/authors")
def authors() -> flask.Response:
    query = sqlalchemy.select(Author, sqlalchemy.func.count(Post.id)).outerjoin(Author.posts)
    rows = Session.execute(query.group_by(Author.id)).all()
    return flask.jsonify([{"name": author.name, "posts": count} for author, count in rows])


@app.get("/authors/<name>")
def author(name: str) -> str:
    found = Session.scalars(sqlalchemy.select(Author).filter_by(name=name)).first()
    if found is None:
        flask.abort(404)
    return flask.render_template_string(PAGE, author=found)


@app.post("/authors/<name>/posts")
def write(name: str) -> tuple[dict[str, int], int]:
    found = Session.scalars(sqlalchemy.select(Author).filter_by(name=name)).first()
    if found is None:
        found = Author(name=name)
        Session.add(found)
    post = Post(author=found, **flask.request.get_json())
    Session.add(post)
    Session.commit()
    return {"id": post.id}, 201


def main() -> None:
    Base.metadata.create_all(engine)
    client = app.test_client()
    for number in range(REQUESTS):
        name = f"author {number % 37}"
        if number % 4 == 0:
            post = {"title": f"post {number}", "body": "some words " * 10}
            status = client.post(f"/authors/{name}/posts", json=post).status_code
        elif number % 4 == 1:
            status = client.get("/authors").status_code
        else:
            status = client.get(f"/authors/{name}").status_code
        assert status in (200, 201, 404), status
    session = Session()  # one that is in the middle of its work
    kept = session.scalars(sqlalchemy.select(Post).options(orm.joinedload(Post.author))).all()
    rows = session.execute(sqlalchemy.select(Author.name, Author.id)).all()
    print("ready", flush=True)
    sys.stdin.readline()
    assert kept and rows


main()
