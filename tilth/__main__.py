"""`python -m tilth` is the same as `tilth`."""

from tilth.shadowing import check_shadowing

if __name__ == "__main__":
    check_shadowing()  # here the current folder is first on the import path

    from tilth.main import main

    main()
