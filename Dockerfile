# kaizen in a small image: the program, the certificates of servers, and a user without rights.
#
#   docker build -t kaizen .
#   docker run --rm -it -v "$PWD:/project" --user "$(id -u):$(id -g)" -e OPENAI_API_KEY kaizen run script.rhai
FROM rust:1.95-slim-bookworm AS build
WORKDIR /src
COPY . .
RUN cargo install --locked --path . --root /out

FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /out/bin/kaizen /usr/local/bin/kaizen
USER nonroot
ENV HOME=/tmp
WORKDIR /project
VOLUME /project
ENTRYPOINT ["kaizen"]
