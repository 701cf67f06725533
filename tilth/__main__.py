"""`python -m tilth` is the same as `tilth`."""

from tilth.main import main

if __name__ == "__main__":
    main()
