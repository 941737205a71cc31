"""Every guard of bridge and receiver taken away in turn: does its scenario notice?"""
