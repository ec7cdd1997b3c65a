"""``python -m clients.generate``: write what is generated."""

from clients.generate.files import write

if __name__ == "__main__":
    write()
